"""That a named person looked at a month's privileged activity."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from access.encryption import EncryptedTextField
from access.models import TenantModel


class PrivilegedReview(TenantModel):
    """One person's look at one month. Append-only; whether the month counts as reviewed is derived from these rows."""

    ref_kind = "privileged_review"

    month = models.DateField()  # its first day
    care_homes = ArrayField(models.UUIDField())  # whose acts the person saw, besides those of no single home
    acts = models.PositiveIntegerField()  # how many there were
    remark = EncryptedTextField()  # may be empty
    reviewed_by = models.CharField(max_length=100)  # ref
    reviewed_at = models.DateTimeField()

    class Meta:
        db_table = "compliance_privileged_review"
        default_permissions = ()
        indexes = [models.Index(fields=["organisation", "month", "-reviewed_at"], name="privileged_review_of_month")]
        constraints = [
            models.CheckConstraint(condition=models.Q(month__day=1), name="privileged_review_month"),
            models.CheckConstraint(condition=~models.Q(reviewed_by=""), name="privileged_review_named"),
        ]
