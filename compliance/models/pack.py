"""Evidence packs: who asked for one, how far it is, where it lies."""

from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils import timezone

from access.encryption import EncryptedTextField
from access.models import TenantModel


class Pack(TenantModel):
    """One evidence pack, from the request until its file is removed. The row stays."""

    ref_kind = "evidence_pack"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        BUILDING = "building", "Being made"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Removed"

    edition = models.CharField(max_length=10)
    requested_by = models.CharField(max_length=100)  # ref
    reason = EncryptedTextField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    step = models.CharField(max_length=60, blank=True)  # what is being done now, in words
    steps_done = models.PositiveSmallIntegerField(default=0)
    steps_total = models.PositiveSmallIntegerField()
    claimed_by = models.CharField(max_length=100, blank=True)  # the task that makes it
    size = models.BigIntegerField(null=True)  # bytes
    sha256 = models.CharField(max_length=64, blank=True)
    failure = models.CharField(max_length=300, blank=True)  # why it was not made, in plain words
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["organisation", "-created_at"], name="pack_newest")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="ready")
                | (
                    models.Q(size__isnull=False, finished_at__isnull=False, expires_at__isnull=False)
                    & ~models.Q(sha256="")
                ),
                name="pack_ready_is_complete",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="failed") | ~models.Q(failure=""), name="pack_failed_says_why"
            ),
            models.CheckConstraint(condition=models.Q(steps_done__lte=models.F("steps_total")), name="pack_steps"),
        ]

    @property
    def path(self) -> Path:
        """Where the file lies: a folder per organisation, a name that says nothing."""
        return Path(settings.PACK_DIR) / str(self.organisation_id) / f"{self.pk}.zip"

    @property
    def in_progress(self) -> bool:
        return self.state in (self.State.WAITING, self.State.BUILDING)

    @property
    def ready(self) -> bool:
        return self.state == self.State.READY
