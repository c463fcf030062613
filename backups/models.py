"""Backups of the whole installation, and what each restore drill meant for one organisation."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

from access.ids import uuid7
from access.models import TenantModel


class BackupRun(models.Model):
    """One attempt to make a set. Belongs to the installation: a set holds every organisation, and this row holds none
    of their figures, nor who asked for it: that is told in the ledger of the person's own organisation."""

    ref_kind = "backup"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        MADE = "made", "Made"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    requested_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    covers_until = models.DateTimeField(null=True)  # when the snapshot was taken: what came later is not in the set
    set_name = models.CharField(max_length=40, blank=True)
    destination = models.CharField(max_length=500, blank=True)
    size = models.BigIntegerField(null=True)  # bytes of the encrypted file
    sha256 = models.CharField(max_length=64, blank=True)
    error = models.CharField(max_length=500, blank=True)
    expired_at = models.DateTimeField(null=True)  # when retention deleted the set

    class Meta:
        db_table = "backups_run"
        default_permissions = ()
        indexes = [models.Index(fields=["-requested_at"], name="backups_run_newest")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="made")
                | models.Q(finished_at__isnull=False, covers_until__isnull=False, size__isnull=False),
                name="backups_run_made_is_complete",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="failed") | ~models.Q(error=""), name="backups_run_failed_says_why"
            ),
        ]

    @property
    def ref(self) -> str:
        return f"{self.ref_kind}:{self.pk}"

    @property
    def took(self) -> timedelta | None:
        return self.finished_at - self.started_at if self.finished_at and self.started_at else None


class RestoreDrill(TenantModel):
    """What one restore drill found of one organisation. Null checks were not reached, which is not a pass."""

    ref_kind = "restore_drill"

    run_id = models.UUIDField()  # the same for all organisations of one drill
    backup_id = models.UUIDField(null=True)  # id of the set; its run may lie in a database that is gone
    set_name = models.CharField(max_length=40, blank=True)
    covers_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    took = models.DurationField(null=True)  # checking, restoring and proving the set
    restored = models.BooleanField(default=False)
    counts_matched = models.BooleanField(null=True)
    ledger_verified = models.BooleanField(null=True)
    rls_probe_ok = models.BooleanField(null=True)
    decrypted = models.BooleanField(null=True)
    older_than_newest = models.BooleanField(null=True)  # a newer set was known: a fact, not a fault
    rows = models.BigIntegerField(null=True)  # this organisation's only
    entries = models.BigIntegerField(null=True)  # of its ledger
    detail = models.CharField(max_length=500, blank=True)  # why not, in plain words

    class Meta:
        db_table = "backups_restore_drill"
        default_permissions = ()
        indexes = [models.Index(fields=["organisation", "-started_at"], name="restore_drill_newest")]
        constraints = [models.UniqueConstraint(fields=["organisation", "run_id"], name="restore_drill_run")]

    @property
    def passed(self) -> bool:
        """Restored, and every check reached and good."""
        checks = (self.counts_matched, self.ledger_verified, self.rls_probe_ok, self.decrypted)
        return self.restored and all(check is True for check in checks)

    @property
    def running(self) -> bool:
        return self.finished_at is None
