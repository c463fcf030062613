"""Alerts about unusual access, and how far the scan has come."""

from django.db import models
from django.utils import timezone

from access.encryption import EncryptedTextField
from access.models import TenantModel


class Alert(TenantModel):
    """Unusual access by one person. It says what was seen; only a review says what it was."""

    ref_kind = "access_alert"

    class Rule(models.TextChoices):
        BULK_VIEWING = "bulk_viewing", "Many residents opened in a short time"
        UNEXPLAINED = "unexplained", "Asked why a record was opened, and found no good reason"
        ANCHOR_FAILING = "anchor_failing", "Ledger anchor failing"

    class State(models.TextChoices):
        OPEN = "open", "To review"
        REVIEWED = "reviewed", "Reviewed"

    class Verdict(models.TextChoices):
        EXPLAINED = "explained", "There was a good reason"
        MISUSE = "misuse", "It was misuse"
        UNSURE = "unsure", "It cannot be said"

    rule = models.CharField(max_length=20, choices=Rule)
    staff_ref = models.CharField(max_length=100)
    care_home = models.ForeignKey(
        "access.CareHome", null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    residents = models.PositiveIntegerField()  # how many different ones
    explanation = models.CharField(max_length=300)  # what was seen, without names
    raised_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    reviewed_by = models.CharField(max_length=100, blank=True)  # ref
    reviewed_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=9, choices=Verdict, blank=True)
    note = EncryptedTextField(null=True)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["organisation", "state", "-raised_at"], name="alert_newest")]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "rule", "staff_ref", "first_at"], name="alert_once"),
            models.CheckConstraint(condition=models.Q(last_at__gte=models.F("first_at")), name="alert_runs_forward"),
            models.CheckConstraint(
                condition=models.Q(state="open", verdict="", reviewed_at__isnull=True)
                | (models.Q(state="reviewed", reviewed_at__isnull=False) & ~models.Q(verdict="")),
                name="alert_reviewed_has_a_verdict",
            ),
        ]

    @property
    def about_a_person(self) -> bool:
        return bool(self.rule != self.Rule.ANCHOR_FAILING)

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN


class ScanMark(TenantModel):
    """How far a rule has looked at one organisation's views. Locked while it looks, so that two scans never race."""

    ref_kind = "scan_mark"

    rule = models.CharField(max_length=20, choices=Alert.Rule)
    scanned_until = models.DateTimeField()

    class Meta:
        db_table = "compliance_scan_mark"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["organisation", "rule"], name="scan_mark_of_rule")]
