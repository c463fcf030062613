"""The ledger's tables.

`audit_event` is django-auditlog's log entry, swapped (AUDITLOG_LOGENTRY_MODEL): one table for acts, field changes and
views. What makes auditlog's own table unfit for proof is taken away: no foreign key, no cascade, no SET NULL, no name,
no clear content. Entries hold plain refs and outlive the rows they speak of.
Nothing here is ever updated or deleted through Django; the database refuses both.
"""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from auditlog.models import AbstractLogEntry
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from audit.chain import BreakKind
from audit.cipher import cipher
from audit.ids import uuid7


class EventKind(models.TextChoices):
    ACT = "act", "Act"
    CHANGE = "change", "Field change"
    VIEW = "view", "View"
    REFUSAL = "refusal", "Refusal"


class EventManager(models.Manager["Event"]):
    """What django-auditlog calls when it sees a model change beneath the services."""

    def log_create(self, instance: models.Model, force_log: bool = False, **kwargs: Any) -> "Event | None":
        """One sealed field change. Drops auditlog's object_repr, serialized_data and clear diffs.

        Raises NoOrigin where nobody is named as acting: a change without an author is refused.
        """
        changes = kwargs.get("changes")
        if changes is None and not force_log:
            return None
        return FIELD_CHANGES.record(instance, action=kwargs["action"], changes=changes or {})

    def log_m2m_changes(self, *args: Any, **kwargs: Any) -> None:
        """Records have no many-to-many fields."""
        raise NotImplementedError


class FieldChangeRecorder:
    """Filled in by audit.changes when the app is ready; a model cannot import the service that writes it."""

    def __init__(self) -> None:
        self.record: Any = None


FIELD_CHANGES = FieldChangeRecorder()


class Event(AbstractLogEntry):
    """One thing that happened. Table partitioned by month of `at`; sealed at commit by a deferred trigger."""

    content_type = None
    object_pk = None
    object_id = None
    object_repr = None
    serialized_data = None
    changes_text = None
    changes = None
    cid = None
    remote_addr = None
    remote_port = None
    timestamp = None
    additional_data = None
    actor_email = None

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation_id = models.UUIDField()
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=8, choices=EventKind)
    actor = models.CharField(max_length=100)  # ref
    action = models.CharField(max_length=100)
    subject = models.CharField(max_length=100)  # ref
    device = models.CharField(max_length=100, null=True)  # noqa: DJ001  # absent and empty differ in the sealed bytes
    care_home_id = models.UUIDField(null=True)
    residents = ArrayField(models.UUIDField(), default=list)
    count = models.IntegerField(default=1)  # of a view: how often it was opened within its minute
    commitment = models.BinaryField(max_length=32)
    salt = models.BinaryField(max_length=32, null=True)  # null once erased
    detail = models.BinaryField(null=True)  # ciphertext; null once erased

    objects = EventManager()

    class Meta:
        db_table = "audit_event"
        default_permissions = ()
        indexes = [
            models.Index(fields=["organisation_id", "at"], name="audit_event_at"),
            models.Index(fields=["organisation_id", "actor", "at"], name="audit_event_actor"),
            models.Index(fields=["organisation_id", "subject", "at"], name="audit_event_subject"),
        ]


class Seal(models.Model):
    """An event's place in its organisation's chain, written by the database at commit."""

    event_id = models.UUIDField(primary_key=True)
    organisation_id = models.UUIDField()
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    leaf = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)
    version = models.SmallIntegerField()  # of the sealed bytes: audit/FORMAT.md
    sealed_at = models.DateTimeField(null=True)  # by the database's clock; null in version 1

    class Meta:
        db_table = "audit_seal"
        managed = False
        default_permissions = ()


class OpenView(models.Model):
    """A view that may still be repeated: sealed as one entry, with this id, when its minute is over."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation_id = models.UUIDField()
    key = models.BinaryField(max_length=32)
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.IntegerField(default=1)
    actor = models.CharField(max_length=100)  # ref
    action = models.CharField(max_length=100)
    subject = models.CharField(max_length=100)  # ref
    device = models.CharField(max_length=100, null=True)  # noqa: DJ001  # as in Event
    care_home_id = models.UUIDField(null=True)
    residents = ArrayField(models.UUIDField(), default=list)
    page = models.CharField(max_length=100)  # the route's name
    extra = models.JSONField(default=dict)

    class Meta:
        db_table = "audit_open_view"
        managed = False
        default_permissions = ()


class Head(models.Model):
    """The last seal of each organisation: what the next one follows from."""

    organisation_id = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField()
    digest = models.BinaryField(max_length=32)

    class Meta:
        db_table = "audit_head"
        managed = False
        default_permissions = ()


class Mention(models.Model):
    """Which residents an event names, for finding all entries of one resident. Derived by the database."""

    event_id = models.UUIDField(primary_key=True)
    organisation_id = models.UUIDField()
    resident_id = models.UUIDField()
    at = models.DateTimeField()

    class Meta:
        db_table = "audit_mention"
        managed = False
        default_permissions = ()


class Checkpoint(models.Model):
    """A signed chain head. `frontier`: the Merkle subtree roots, so that the next one costs only its news."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation_id = models.UUIDField()
    size = models.BigIntegerField()
    digest = models.BinaryField(max_length=32)
    root = models.BinaryField(max_length=32)
    frontier = models.BinaryField()
    note = models.TextField()
    key_id = models.CharField(max_length=16)
    anchor = models.CharField(max_length=200)
    signed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "audit_checkpoint"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["organisation_id", "size"], name="audit_checkpoint_size")]


class AnchorReceipt(models.Model):
    """One try to hand a checkpoint to an anchor beside the append-only file, or a failure of that file.

    Every row carries what stands since: the newest of a destination says how it fares. `size` is what was offered,
    `taken_size` and `taken_at` the last that was taken.
    """

    id = models.BigAutoField(primary_key=True)  # in the order of writing, whatever the clock does
    organisation_id = models.UUIDField()
    destination = models.CharField(max_length=300)
    at = models.DateTimeField(default=timezone.now)
    size = models.BigIntegerField()
    taken_size = models.BigIntegerField(default=0)
    taken_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    failing_since = models.DateTimeField(null=True)
    error = models.CharField(max_length=80, blank=True)  # class of the last failure

    class Meta:
        db_table = "audit_anchor_receipt"
        default_permissions = ()
        indexes = [models.Index(fields=["organisation_id", "destination", "-id"], name="audit_anchor_receipt_latest")]


class Verification(models.Model):
    """One run of the verifier over one organisation's ledger.

    Its id is a keyed digest of all that it says: the application's role may insert rows, but only who has the
    organisation's keys can make one that is believed.
    """

    ref_kind = "verification"

    class Mode(models.TextChoices):
        FULL = "full", "Full"
        INCREMENTAL = "incremental", "Incremental"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation_id = models.UUIDField()
    mode = models.CharField(max_length=12, choices=Mode)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    ok = models.BooleanField()
    entries = models.BigIntegerField()  # checked in this run
    head_seq = models.BigIntegerField()  # the last entry found to hold
    head_digest = models.BinaryField(max_length=32)
    checkpoint_size = models.BigIntegerField(default=0)  # the newest checkpoint it was held against
    first_bad_seq = models.BigIntegerField(null=True)
    break_kind = models.CharField(max_length=20, choices=[(k.value, k.value) for k in BreakKind], blank=True)
    bad_subject = models.CharField(max_length=100, blank=True)  # ref of a record that no longer matches its seal

    class Meta:
        db_table = "audit_verification"
        default_permissions = ()
        indexes = [models.Index(fields=["organisation_id", "-finished_at"], name="audit_verification_latest")]

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.id = self._digest()
        super().save(*args, **kwargs)

    @property
    def ref(self) -> str:
        return f"{self.ref_kind}:{self.pk}"

    @property
    def kind(self) -> str:
        return self.break_kind

    @property
    def genuine(self) -> bool:
        """Whether the application wrote this row, as it stands. Rows of the first release are not believed."""
        return self.id == self._digest()

    def _digest(self) -> UUID:
        """The first 16 bytes of the keyed digest, as a UUID of version 8."""
        fields = [field for field in self._meta.concrete_fields if field.attname != "id"]
        said = {field.attname: _plain(field.to_python(getattr(self, field.attname))) for field in fields}
        digest = bytearray(cipher().record_digest(self.organisation_id, json.dumps(said, sort_keys=True).encode())[:16])
        digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
        return UUID(bytes=bytes(digest))


def _plain(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return None if value is None else str(value)


def resident_ids(residents: Any) -> list[UUID]:
    """The ids in the order in which they are sealed: sorted, each once."""
    return sorted(set(residents))


class Tile(models.Model):
    """256 hashes of one level of an organisation's tree, and the root over them: see audit/tiles.py."""

    pk = models.CompositePrimaryKey("organisation_id", "level", "number")
    organisation_id = models.UUIDField()
    level = models.SmallIntegerField()
    number = models.BigIntegerField()
    hashes = models.BinaryField(max_length=8192)
    root = models.BinaryField(max_length=32)

    class Meta:
        db_table = "audit_tile"
        managed = False
        default_permissions = ()


class Archive(models.Model):
    """That entries up to `last_seq` left for a signed file. `note`: its trailer, by which the record is believed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation_id = models.UUIDField()
    before = models.DateTimeField()
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    digest = models.BinaryField(max_length=32)
    frontier = models.BinaryField()
    tail = models.BinaryField()
    file_name = models.CharField(max_length=200)
    file_sha256 = models.BinaryField(max_length=32)
    note = models.TextField()
    written_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "audit_archive"
        managed = False
        default_permissions = ()
