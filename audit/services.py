"""Every write to the ledger: appending entries, signing checkpoints, recording verifications."""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from django.utils import timezone

from audit import anchors, merkle, notes, queries, signing, verification
from audit.canonical import commitment
from audit.chain import ChainHead
from audit.cipher import cipher
from audit.context import origin_or_none
from audit.errors import LedgerUnavailable
from audit.ids import uuid7
from audit.models import Checkpoint, Event, EventKind, Verification, resident_ids

_SALT_BYTES = 32


class LedgerEvent:
    """Names of the ledger's own events."""

    VERIFIED = "audit.ledger.verified"
    BROKEN = "audit.ledger.broken"


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
    event_id = uuid7()
    named = resident_ids(residents)
    plaintext = json.dumps(detail or {}, sort_keys=True, ensure_ascii=False, default=str).encode()
    salt = secrets.token_bytes(_SALT_BYTES)
    ciphertext = cipher().seal(organisation_id, event_id, named, plaintext)
    origin = origin_or_none()
    event = Event(
        id=event_id,
        organisation_id=organisation_id,
        at=timezone.now(),
        kind=kind,
        actor=actor,
        action=action,
        subject=subject,
        device=origin.device if origin else None,
        care_home_id=care_home_id,
        residents=named,
        commitment=commitment(salt, ciphertext),
        salt=salt,
        detail=ciphertext,
    )
    try:
        event.save(force_insert=True)
    except DatabaseError as error:
        raise LedgerUnavailable("The ledger did not take the entry.") from error
    if origin:
        origin.covered.update(named)
    return event_id


def sign_checkpoint(organisation_id: UUID) -> Checkpoint | None:
    """Sign and anchor the organisation's chain head; the latest checkpoint if nothing is new, None before any entry.

    Raises SigningKeyMissing, AnchorFailed: a checkpoint that reached no anchor does not count.
    """
    head = queries.chain_head(organisation_id)
    latest = queries.latest_checkpoint(organisation_id)
    size = latest.size if latest else 0
    if head.seq <= size:
        return latest
    frontier, size = merkle.extend(
        merkle.unpack(bytes(latest.frontier)) if latest else [],
        size,
        queries.leaves(organisation_id, after=size, until=head.seq),
    )
    signer = signing.signer()
    body = notes.CheckpointBody(
        origin=f"{signer.name}/{organisation_id}", size=size, root=merkle.root(frontier), digest=head.digest
    )
    note = notes.sign(
        body.text(),
        name=signer.name,
        public_key=signer.public_key_bytes,
        signature=signer.sign(body.text().encode()),
    )
    signed_at = timezone.now()
    place = anchors.anchor(organisation_id=organisation_id, size=size, note=note, signed_at=signed_at)
    Checkpoint.objects.bulk_create(
        [
            Checkpoint(
                organisation_id=organisation_id,
                size=size,
                digest=head.digest,
                root=body.root,
                frontier=merkle.pack(frontier),
                note=note,
                key_id=signer.key_id,
                anchor=place,
                signed_at=signed_at,
            )
        ],
        ignore_conflicts=True,  # another signer was quicker with the same head
    )
    return queries.latest_checkpoint(organisation_id)


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
    after = ChainHead()
    if mode == Verification.Mode.INCREMENTAL:
        after = queries.verified_head(organisation_id)
    result = verification.verify_organisation(organisation_id, after=after, extra_notes=extra_notes)
    mismatch = verification.first_record_mismatch(organisation_id) if records and result.ok else None
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
