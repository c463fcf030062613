"""Files of the audit log: who asked for one, how far it is, where it lies."""

from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils import timezone

from access.encryption import EncryptedTextField
from access.models import TenantModel


class LedgerExport(TenantModel):
    """One file of entries, from the request until the file is removed. The row stays."""

    ref_kind = "ledger_export"

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel workbook"
        PDF = "pdf", "PDF"
        PROOF = "zip", "Proofs for an outside expert (ZIP)"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        BUILDING = "building", "Being made"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Removed"

    format = models.CharField(max_length=4, choices=Format)
    filters = models.CharField(max_length=500, blank=True)  # the address's query: ids and codes
    requested_by = models.CharField(max_length=100)  # ref
    reason = EncryptedTextField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    entries = models.PositiveIntegerField(default=0)  # written so far
    complete = models.BooleanField(default=True)  # False where the kind's limit cut it
    claimed_by = models.CharField(max_length=100, blank=True)  # the task that makes it
    size = models.BigIntegerField(null=True)  # bytes
    sha256 = models.CharField(max_length=64, blank=True)
    failure = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "compliance_ledger_export"
        default_permissions = ()
        indexes = [models.Index(fields=["organisation", "-created_at"], name="ledger_export_newest")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="ready")
                | (
                    models.Q(size__isnull=False, finished_at__isnull=False, expires_at__isnull=False)
                    & ~models.Q(sha256="")
                ),
                name="ledger_export_ready_is_complete",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="failed") | ~models.Q(failure=""), name="ledger_export_failed_says_why"
            ),
        ]

    @property
    def path(self) -> Path:
        """Beside the evidence packs: a folder per organisation, a name that says nothing."""
        return Path(settings.PACK_DIR) / str(self.organisation_id) / f"{self.pk}.{self.format}"

    @property
    def in_progress(self) -> bool:
        return self.state in (self.State.WAITING, self.State.BUILDING)

    @property
    def ready(self) -> bool:
        return self.state == self.State.READY
