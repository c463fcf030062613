"""Writing and correcting daily notes."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

import audit.services
from access.actors import Actor
from access.ids import uuid7
from records.errors import AlreadyCorrected, NoteInFuture
from records.events import RecordEvent
from records.models import DailyNote, Resident
from records.policies import RecordPermission, policy
from records.text import NOTE_LENGTH, cleaned

_REASON_LENGTH = 500


@transaction.atomic
def write_daily_note(
    *,
    actor: Actor,
    resident: Resident,
    body: str,
    occurred_at: datetime,
    kind: str = DailyNote.Kind.GENERAL,
    for_handover: bool = False,
    note_id: UUID | None = None,
    recorded_at: datetime | None = None,
) -> DailyNote:
    """Add a daily note to a resident's record.

    occurred_at: aware; when the care was given, not when it was typed. recorded_at: when it was written down, now if it
    is not said; the ledger keeps when it was received. note_id: made by the sender, so that the same
    note sent twice is one note; the same id with another text is another note, for no typed text may be lost.
    Raises NotPermitted, NoteInFuture, BadText.
    Appends records.daily_note.written; the ledger is for proof, so the note's text stays out of it.
    """
    policy.require(actor, RecordPermission.WRITE_DAILY_NOTE, at=resident.care_home_id)
    body = cleaned(body, longest=NOTE_LENGTH)
    if note_id is not None and (taken := _with_id(actor, note_id)) is not None:
        if _is_same(taken, actor, resident, body):
            return taken
        note_id = None
    now = timezone.now()
    if occurred_at > now or (recorded_at is not None and recorded_at > now):
        raise NoteInFuture
    note = DailyNote(
        id=note_id or uuid7(),
        organisation_id=resident.organisation_id,
        care_home_id=resident.care_home_id,
        resident=resident,
        kind=DailyNote.Kind(kind),
        body=body,
        occurred_at=occurred_at,
        recorded_at=recorded_at or now,
        for_handover=for_handover,
        written_by=actor.ref,
    )
    try:
        with transaction.atomic(savepoint=note_id is not None):
            _save(actor, RecordEvent.DAILY_NOTE_WRITTEN, note)
    except IntegrityError:
        if note_id is None:
            raise
        taken = _with_id(actor, note_id)  # the same form, sent at the same moment, was quicker
        if taken is not None and _is_same(taken, actor, resident, body):
            return taken
        note.id, note.body = uuid7(), body
        _save(actor, RecordEvent.DAILY_NOTE_WRITTEN, note)
    return note


@transaction.atomic
def correct_daily_note(*, actor: Actor, note: DailyNote, body: str, reason: str) -> DailyNote:
    """Supersede a note; the first text stays in the record with the reason.

    One's own note needs the right to write, anybody's the right to correct.
    Raises NotPermitted, BadText, AlreadyCorrected. Appends records.daily_note.corrected.
    """
    own = note.written_by == actor.ref
    wanted = RecordPermission.WRITE_DAILY_NOTE if own else RecordPermission.CORRECT_DAILY_NOTE
    policy.require(actor, wanted, at=note.care_home_id)
    body, reason = cleaned(body, longest=NOTE_LENGTH), cleaned(reason, longest=_REASON_LENGTH)
    corrected = DailyNote(
        organisation_id=note.organisation_id,
        care_home_id=note.care_home_id,
        resident_id=note.resident_id,
        kind=note.kind,
        body=body,
        reason=reason,
        occurred_at=note.occurred_at,
        for_handover=note.for_handover,
        written_by=actor.ref,
        supersedes=note,
    )
    try:
        with transaction.atomic():
            _save(actor, RecordEvent.DAILY_NOTE_CORRECTED, corrected, superseded=note.ref)
    except IntegrityError as error:
        raise AlreadyCorrected from error
    return corrected


def _is_same(note: DailyNote, actor: Actor, resident: Resident, body: str) -> bool:
    return (note.resident_id, note.written_by, note.body) == (resident.pk, actor.ref, body)


def _with_id(actor: Actor, note_id: UUID) -> DailyNote | None:
    note: DailyNote | None = DailyNote.objects.filter(organisation_id=actor.organisation_id, pk=note_id).first()
    return note


def _save(actor: Actor, action: RecordEvent, note: DailyNote, **detail: str) -> None:
    with audit.services.sealing(
        organisation_id=note.organisation_id,
        actor=actor.ref,
        action=action,
        subject=note.ref,
        detail=detail,
        residents=[note.resident_id],
        care_home_id=note.care_home_id,
    ):
        note.save(force_insert=True)
