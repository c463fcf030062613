"""Reports of who looked at a resident's record: links given to families, questions asked, answers given.

What people typed (names, relations, words, answers) is under the resident's own key, so that erasing the resident
erases it; the ledger's entries about it stay.
"""

from datetime import datetime
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access.encryption import EncryptedJSONField, EncryptedTextField
from access.models import TenantModel


class OfResident(TenantModel):
    """A row about one resident's access report, under that resident's key."""

    care_home = models.ForeignKey("access.CareHome", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    resident = models.ForeignKey("records.Resident", on_delete=models.PROTECT, related_name="+", db_constraint=False)

    class Meta:
        abstract = True
        default_permissions = ()

    @property
    def encryption_subject(self) -> UUID | None:
        return self.resident_id  # type: ignore[no-any-return]


class AccessReportShare(OfResident):
    """One link for one person outside the home to one resident's access report, until it ends or is withdrawn.

    Link and code are kept only as keyed digests: nobody can read them out of the table, and they are shown once.
    """

    ref_kind = "access_report_share"

    class Basis(models.TextChoices):
        RESIDENT_ASKED = "resident_asked", _("The resident asked for it")
        WELFARE_ATTORNEY = "welfare_attorney", _("Lasting power of attorney for health and welfare")
        DEPUTY = "deputy", _("Deputy appointed by the Court of Protection")
        OTHER = "other", _("Another reason")

    receiver = EncryptedTextField()
    relation = EncryptedTextField()
    basis = models.CharField(max_length=16, choices=Basis)
    basis_note = EncryptedTextField(null=True)
    since = models.DateTimeField(null=True)  # the report begins here; null: with the record
    made_by = models.CharField(max_length=100)  # ref
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    link_digest = models.BinaryField(max_length=32)
    code_digest = models.BinaryField(max_length=32)
    wrong_codes = models.PositiveSmallIntegerField(default=0)
    blocked_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.CharField(max_length=100, blank=True)  # ref
    last_opened_at = models.DateTimeField(null=True)
    follows = models.ForeignKey(  # the same person's earlier link, whose questions and answers this one shows too
        "self", null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )

    class Meta:
        db_table = "compliance_access_report_share"
        default_permissions = ()
        indexes = [models.Index(fields=["organisation", "resident", "-made_at"], name="access_share_of_resident")]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "link_digest"], name="access_share_link"),
            models.CheckConstraint(condition=models.Q(expires_at__gt=models.F("made_at")), name="access_share_ends"),
            models.CheckConstraint(condition=models.Q(wrong_codes__lte=5), name="access_share_tries"),
        ]

    def closed(self) -> bool:
        """Nothing opens it again: not even the right code."""
        return self.withdrawn_at is not None or self.blocked_at is not None

    def ended(self, now: datetime) -> bool:
        return self.expires_at <= now


class AccessQuestion(OfResident):
    """Somebody asks why a person was in the record. Never changed; it is open until it has an answer."""

    ref_kind = "access_question"

    share = models.ForeignKey(
        AccessReportShare, null=True, on_delete=models.PROTECT, related_name="questions", db_constraint=False
    )
    asked_by = models.CharField(max_length=100)  # ref: the share, or the member of staff who asked for the resident
    asked_at = models.DateTimeField(default=timezone.now)
    due_on = models.DateField()
    entry_id = models.UUIDField()  # the ledger entry that the question is about
    entry_at = models.DateTimeField()
    staff_ref = models.CharField(max_length=100)  # who is asked about; not told by the system
    about = EncryptedTextField()  # what the asker read: the line of the report
    words = EncryptedTextField(null=True)  # what the asker wrote

    class Meta:
        db_table = "compliance_access_question"
        default_permissions = ()
        indexes = [models.Index(fields=["organisation", "resident", "-asked_at"], name="access_question_of_resident")]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "asked_by", "entry_id"], name="access_asked_once")
        ]


class AccessAnswer(OfResident):
    """The manager's answer. Never changed: a correction is another row that supersedes it."""

    ref_kind = "access_answer"

    class Outcome(models.TextChoices):
        EXPLAINED = "explained", _("There was a good reason")
        NOT_EXPLAINED = "not_explained", _("We could not find a good reason")

    question = models.ForeignKey(AccessQuestion, on_delete=models.PROTECT, related_name="answers", db_constraint=False)
    supersedes = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="correction", db_constraint=False
    )
    outcome = models.CharField(max_length=13, choices=Outcome)
    words = EncryptedTextField()
    facts = EncryptedJSONField()  # sentences drawn from the ledger when it was answered
    answered_by = models.CharField(max_length=100)  # ref
    answered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "compliance_access_answer"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "question"],
                condition=models.Q(supersedes__isnull=True),
                name="access_answered_once",
            ),
            models.CheckConstraint(
                condition=models.Q(supersedes__isnull=True) | ~models.Q(supersedes=models.F("id")),
                name="access_answer_not_itself",
            ),
        ]


class AccessReportSetting(TenantModel):
    """How an organisation names its staff on what leaves the house.

    Full name and job unless it decides otherwise: people who act in their job answer for it by name, and families know
    their carers. A home that fears for somebody's safety may show first names or jobs alone; its managers see every
    name, and a question reaches the right person all the same.
    """

    ref_kind = "access_report_setting"

    class Names(models.TextChoices):
        FULL = "full", _("Full name and job")
        FIRST = "first", _("First name and job")
        JOB = "job", _("Job only")

    names = models.CharField(max_length=5, choices=Names, default=Names.FULL)

    class Meta:
        db_table = "compliance_access_report_setting"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["organisation"], name="access_report_setting_once")]
