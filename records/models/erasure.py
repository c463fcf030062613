"""What is left of an erased resident: that it was done, when, by whom and on what ground."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from access.encryption import EncryptedTextField
from access.models import TenantModel


class Erasure(TenantModel):
    """The certificate of one erasure. Holds nothing of the resident but the record's id; the reason is the
    organisation's own text, under its key."""

    ref_kind = "erasure"

    class Basis(models.TextChoices):
        REQUEST = "request", _("The resident, or someone acting for them, asked for it and has the right to it")
        MISTAKE = "mistake", _("The record was made by mistake")
        RETENTION = "retention", _("The time for which it must be kept is over")
        RESTORED = "restored", _("It had been erased before, and a restored backup brought it back")

    resident_id = models.UUIDField()
    care_home = models.ForeignKey("access.CareHome", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    basis = models.CharField(max_length=10, choices=Basis)
    reason = EncryptedTextField()
    erased_by = models.CharField(max_length=100)  # ref
    erased_at = models.DateTimeField()
    notes = models.PositiveIntegerField()  # daily notes that nobody can open any more
    entries = models.PositiveIntegerField()  # ledger entries whose details were destroyed
    backups_until = models.DateField()  # until when backups made before may still hold it

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["organisation", "resident_id"], name="erasure_once")]
        indexes = [models.Index(fields=["organisation", "-erased_at"], name="erasure_newest")]
