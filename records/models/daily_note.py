"""Daily notes: written once, corrected by superseding, never changed."""

from datetime import timedelta
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access.encryption import EncryptedTextField
from records.models.base import Record
from records.models.resident import Resident

LATE_AFTER = timedelta(hours=2)


class DailyNote(Record):
    """One note about one resident. The application role has no UPDATE on this table.

    occurred_at: when the care was given; recorded_at: when it was written down.
    """

    ref_kind = "daily_note"

    class Kind(models.TextChoices):
        GENERAL = "general", _("General")
        PERSONAL_CARE = "personal_care", _("Personal care")
        MEAL = "meal", _("Food and drink")
        MOOD = "mood", _("Mood")
        ACTIVITY = "activity", _("Activity")
        REST = "rest", _("Rest and sleep")
        SKIN = "skin", _("Skin")
        VISIT = "visit", _("Visit")

    care_home = models.ForeignKey("access.CareHome", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    resident = models.ForeignKey(Resident, on_delete=models.PROTECT, related_name="daily_notes", db_constraint=False)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.GENERAL)
    body = EncryptedTextField()
    for_handover = models.BooleanField(default=False)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=timezone.now)
    written_by = models.CharField(max_length=100)  # ref
    supersedes = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="correction", db_constraint=False
    )
    reason = EncryptedTextField(blank=True)  # why the earlier note was corrected

    class Meta:
        default_permissions = ()
        db_table = "records_daily_note"
        indexes = [models.Index(fields=["organisation", "resident", "-occurred_at"], name="daily_note_timeline")]
        constraints = [
            models.CheckConstraint(
                condition=Q(occurred_at__lte=F("recorded_at") + timedelta(minutes=5)), name="daily_note_not_in_future"
            ),
            models.CheckConstraint(
                condition=Q(supersedes__isnull=True) | ~Q(supersedes=F("id")), name="daily_note_not_itself"
            ),
        ]

    @property
    def watched_resident_id(self) -> UUID:
        return self.resident_id  # type: ignore[no-any-return]

    @property
    def late(self) -> bool:
        """Written down so much later than the care that a reader must know."""
        return self.recorded_at - self.occurred_at > LATE_AFTER
