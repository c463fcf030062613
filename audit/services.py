"""Every write to the ledger: appending entries, signing checkpoints, recording verifications."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from django.utils import timezone

from audit import acts, checkpoints, deliveries, queries, record_seals, tiles, verification
from audit.chain import ChainHead
from audit.context import origin_or_none
from audit.entries import build_event
from audit.errors import AnchorFailed, LedgerContradicted, LedgerUnavailable
from audit.ids import uuid7
from audit.models import Checkpoint, EventKind, Verification, resident_ids
from audit.open_views import close_views, note_view

__all__ = ["append", "close_views", "keep_checkpoint", "note_view", "sealing", "sign_checkpoint", "verify_ledger"]

_UNSEALED_LOOK_BACK = timedelta(days=1)  # of an incremental run; a full one looks at everything


class LedgerEvent:
    """Names of the ledger's own events."""

    VERIFIED = "audit.ledger.verified"
    BROKEN = "audit.ledger.broken"
    RESTORED = "audit.ledger.restored"
    KEY_ROTATED = "audit.key.rotated"
    EXTRACTED = "audit.ledger.extracted"
    ARCHIVED = "audit.ledger.archived"


def append(
    *,
    organisation_id: UUID,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
    residents: Iterable[UUID] = (),
    care_home_id: UUID | None = None,
    kind: str = EventKind.ACT,
) -> UUID:
    """Append one entry; the database seals it when the surrounding transaction commits.

    actor, subject: refs (`kind:uuid`). detail: JSON-able; encrypted, under the resident's key where the entry names
    exactly one resident, so that erasing that resident erases it. Returns the event's id.
    Raises LedgerUnavailable: the act must then not happen.
    """
    origin = origin_or_none()
    event = build_event(
        organisation_id=organisation_id,
        event_id=uuid7(),
        at=timezone.now(),
        kind=kind,
        actor=actor,
        action=action,
        subject=subject,
        device=origin.device if origin else None,
        care_home_id=care_home_id,
        residents=resident_ids(residents),
        detail=detail or {},
    )
    try:
        event.save(force_insert=True)
    except DatabaseError as error:
        raise LedgerUnavailable("The ledger did not take the entry.") from error
    if origin:
        origin.covered.update(event.residents)
    return event.id


@contextmanager
def sealing(
    *,
    organisation_id: UUID,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
    residents: Iterable[UUID] = (),
    care_home_id: UUID | None = None,
) -> Iterator[acts.Act]:
    """One act, one entry: what is done inside, and the field change of the subject that it makes.

    The act's `detail` may be added to inside. The entry's kind is `change` where the subject changed, else `act`;
    changes of other records keep entries of their own. Nothing is appended when the inside raises.
    Raises LedgerUnavailable.
    """
    with acts.begun(subject, detail or {}) as act:
        yield act
    append(
        organisation_id=organisation_id,
        actor=actor,
        action=action,
        subject=subject,
        detail=act.detail | act.change,
        residents=residents,
        care_home_id=care_home_id,
        kind=EventKind.CHANGE if act.change else EventKind.ACT,
    )


def sign_checkpoint(organisation_id: UUID) -> Checkpoint | None:
    """Sign and anchor the organisation's chain head; the latest checkpoint if nothing is new, None before any entry.

    Raises SigningKeyMissing, KeyringDamaged; AnchorFailed: a checkpoint that the file did not take does not count;
    AnchorAhead, ForkedLedger: the ledger is not the one that was anchored, and no second branch is ever signed.
    """
    checkpoint = checkpoints.sign_head(organisation_id)
    if checkpoint is not None:
        tiles.write(organisation_id, checkpoint.size)
    return checkpoint


def keep_checkpoint(organisation_id: UUID, *, actor: str) -> Checkpoint | None:
    """Sign what is new and hand it to every anchor; what fails is kept, so that it is seen, and tried again.

    A ledger that contradicts its anchors is verified at once, so that it stands broken wherever ledgers are shown.
    Raises as sign_checkpoint does. Appends audit.ledger.broken.
    """
    try:
        checkpoint = sign_checkpoint(organisation_id)
    except (AnchorFailed, LedgerContradicted) as error:
        deliveries.file_failed(organisation_id, error)
        latest = queries.latest_verification(organisation_id)
        if isinstance(error, LedgerContradicted) and (latest is None or latest.ok):
            verify_ledger(organisation_id=organisation_id, actor=actor)
        raise
    deliveries.deliver(organisation_id)
    return checkpoint


@transaction.atomic
def verify_ledger(
    *,
    organisation_id: UUID,
    actor: str,
    mode: str = Verification.Mode.FULL,
    records: bool = False,
    extra_notes: Sequence[str] = (),
) -> Verification:
    """Verify the organisation's ledger, from its first entry or from where the last run ended, and record the result.

    records: also hold each record against the digest that its latest entry sealed. extra_notes: checkpoints kept
    elsewhere, to be held against too.
    Appends audit.ledger.verified for a full run, audit.ledger.broken whenever something is wrong.
    """
    started_at = timezone.now()
    after: ChainHead | None = None
    since = None
    if mode == Verification.Mode.INCREMENTAL:
        after, since = queries.verified_head(organisation_id), started_at - _UNSEALED_LOOK_BACK
    result = verification.verify_organisation(
        organisation_id, after=after, unsealed_since=since, extra_notes=extra_notes
    )
    mismatch = record_seals.first_record_mismatch(organisation_id) if records and result.ok else None
    row = Verification.objects.create(
        organisation_id=organisation_id,
        mode=mode,
        started_at=started_at,
        finished_at=timezone.now(),
        ok=result.ok and mismatch is None,
        entries=result.entries,
        head_seq=result.head.seq,
        head_digest=result.head.digest,
        checkpoint_size=result.checkpoint_size,
        first_bad_seq=mismatch.seq if mismatch else result.first_bad_seq,
        break_kind=mismatch.kind if mismatch else result.kind,
        bad_subject=mismatch.subject if mismatch else "",
    )
    if mode == Verification.Mode.FULL or not row.ok:
        append(
            organisation_id=organisation_id,
            actor=actor,
            action=LedgerEvent.VERIFIED if row.ok else LedgerEvent.BROKEN,
            subject=row.ref,
            detail={"entries": row.entries, "first_bad_seq": row.first_bad_seq, "kind": row.break_kind},
        )
    return row
