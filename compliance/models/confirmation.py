"""What named people confirmed about evidence items."""

from django.db import models

from access.encryption import EncryptedTextField
from access.models import TenantModel
from compliance.dspt.collectors import Verdict


class Confirmation(TenantModel):
    """One person's word about one item, or the taking back of it. Append-only: the newest row of an item counts.

    No state is stored; it is derived from this row, the collector's finding and the day.
    """

    ref_kind = "confirmation"

    class Kind(models.TextChoices):
        CONFIRMED = "confirmed", "Confirmed"
        WITHDRAWN = "withdrawn", "Withdrawn"

    edition = models.CharField(max_length=10)
    item_ref = models.CharField(max_length=12)
    kind = models.CharField(max_length=9, choices=Kind)
    statement = EncryptedTextField()  # the answer, or why it was withdrawn
    confirmed_by = models.CharField(max_length=100)  # ref
    confirmed_at = models.DateTimeField()
    valid_until = models.DateField(null=True)
    on_finding = models.CharField(  # what the collector said at that moment; empty when none speaks to the item
        max_length=8, choices=[(verdict.value, verdict.value) for verdict in Verdict], blank=True
    )
    finding_statement = models.TextField(blank=True)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["organisation", "edition", "item_ref", "-confirmed_at"], name="confirmation_of_item")
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="confirmed", valid_until__isnull=False)
                | models.Q(kind="withdrawn", valid_until__isnull=True),
                name="confirmation_ends",
            )
        ]
