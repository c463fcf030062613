"""Signing the chain head, and refusing to: what the anchors say is held against the ledger before anything is signed.

Everything here happens while the organisation's anchor file is held, so that two signers never speak at once. It costs
a look at the end of that file, and the leaves that came since the last checkpoint that verifies.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from audit import anchors, merkle, notes, queries, sealed, signing
from audit.anchors import Anchored, HeldFile
from audit.branches import Branches, RestoreMarker
from audit.canonical import link
from audit.chain import ChainHead
from audit.errors import AnchorAhead, ForkedLedger, SigningKeyMissing
from audit.keyring import Keyring
from audit.models import Checkpoint
from audit.notes import CheckpointBody, NoteError
from audit.signing import Signer

log = structlog.get_logger(__name__)

_TRIED = 200  # rows that do not verify before the tree is computed from its first leaf again


@dataclass(frozen=True, slots=True)
class Statement:
    """What a signed note says of the chain: so many entries, and the last one's digest."""

    size: int
    digest: bytes


def sign_head(organisation_id: UUID) -> Checkpoint | None:
    """Sign and anchor the organisation's chain head; the latest checkpoint if nothing is new, None before any entry.

    Raises SigningKeyMissing, KeyringDamaged, AnchorFailed, AnchorAhead, ForkedLedger.
    """
    kept = anchors.anchor_file(organisation_id)
    if not kept.size() and not queries.chain_head(organisation_id).seq:
        return None
    with kept.held() as file:
        return sign_held(organisation_id, file, [signing.signer()])


def sign_held(organisation_id: UUID, file: HeldFile, signers: Sequence[Signer]) -> Checkpoint | None:
    """The same by whoever holds the file. signers: the present key first, then one that is being retired."""
    head = queries.chain_head(organisation_id)  # read only now: nobody can anchor a later one
    keyring = signing.keyring()
    anchored = farthest_anchored(organisation_id, file, keyring)
    require_agreement(organisation_id, head, anchored)
    latest = _latest(organisation_id, head, keyring)
    if latest is not None and latest.size > (anchored.size if anchored else 0):
        log.error("anchor_file_behind", organisation=str(organisation_id), size=latest.size)
        file.append(Anchored(organisation_id, latest.size, latest.note, latest.signed_at))
    if head.seq == (latest.size if latest else 0):
        return latest
    for signer in signers:
        if not keyring.may_sign(signer.public_key_bytes, organisation_id, head.seq):
            raise SigningKeyMissing("The signing key's file holds a key that was retired. Put the present one back.")
    return _sign(organisation_id, file, signers, head, latest)


def require_agreement(organisation_id: UUID, head: ChainHead, anchored: Statement | None) -> None:
    """Raises AnchorAhead, ForkedLedger."""
    if anchored is None:
        return
    if anchored.size > head.seq:
        log.error("anchor_ahead_of_ledger", organisation=str(organisation_id), size=anchored.size, seq=head.seq)
        raise AnchorAhead("An anchored checkpoint covers more entries than the ledger has. Nothing is signed.")
    if digest_at(organisation_id, anchored.size) != anchored.digest:
        raise _forked(organisation_id, anchored.size)


def _forked(organisation_id: UUID, size: int) -> ForkedLedger:
    log.error("ledger_forked", organisation=str(organisation_id), size=size)
    return ForkedLedger("The ledger is not the one that an earlier checkpoint signed. Nothing is signed.")


def digest_at(organisation_id: UUID, size: int) -> bytes | None:
    """The digest that the chain has after so many entries; None where there is no such entry."""
    if size == 0:
        return ChainHead().digest
    with connection.cursor() as cursor:
        cursor.execute("SELECT digest FROM audit_seal WHERE organisation_id = %s AND seq = %s", [organisation_id, size])
        row = cursor.fetchone()
    return bytes(row[0]) if row else sealed.archived_digest(organisation_id, size)


def farthest_anchored(organisation_id: UUID, file: HeldFile, keyring: Keyring) -> Statement | None:
    """The farthest statement at the end of the file that a known key signed and no restore cut off."""
    for stretch in file.tail():
        found = newest_statement(organisation_id, stretch, keyring)
        if found is not None:
            return found
    return None


def newest_statement(organisation_id: UUID, stretch: Sequence[str], keyring: Keyring) -> Statement | None:
    """The same among some notes. The farthest, not the last: an older note written again takes nothing back."""
    return next(statements(organisation_id, stretch, keyring), None)


def statements(organisation_id: UUID, stretch: Sequence[str], keyring: Keyring) -> Iterator[Statement]:
    """What the notes say of the ledger that goes on, the farthest first. As a rule one signature is checked."""

    def opened(note: str) -> RestoreMarker:
        return keyring.marker(note, organisation_id, signing.verify)

    branches = Branches(lambda: stretch, opened)
    restored = branches.restores[-1] if branches.restores else None
    for body in _opened(organisation_id, branches.going_on(), keyring):
        if restored is not None and body.size < restored.continues:
            yield Statement(restored.continues, restored.digest)
            restored = None
        yield Statement(body.size, body.digest)
    if restored is not None:
        yield Statement(restored.continues, restored.digest)


def _opened(organisation_id: UUID, found: Iterator[str], keyring: Keyring) -> Iterator[CheckpointBody]:
    """Those that verify, the farthest first."""
    bodies = []
    for note in dict.fromkeys(found):
        try:
            bodies.append((notes.parse_body(notes.text_of(note)).size, note))
        except NoteError:
            continue
    for _size, note in sorted(bodies, reverse=True):
        try:
            yield keyring.checkpoint(note, organisation_id, signing.verify)
        except NoteError:
            continue


def newest(organisation_id: UUID) -> Checkpoint | None:
    """The newest stored checkpoint that verifies. Raises SigningKeyMissing, KeyringDamaged, ForkedLedger."""
    return _latest(organisation_id, queries.chain_head(organisation_id), signing.keyring())


def _latest(organisation_id: UUID, head: ChainHead, keyring: Keyring) -> Checkpoint | None:
    """The newest stored checkpoint that verifies: a row alone proves nothing, for the application may insert one.

    Raises ForkedLedger where one verifies and the chain is another.
    """
    rows = Checkpoint.objects.filter(organisation_id=organisation_id, size__lte=head.seq).order_by("-size")
    for row in rows[:_TRIED]:
        if _holds(row, keyring):
            if digest_at(organisation_id, row.size) != bytes(row.digest):
                raise _forked(organisation_id, row.size)
            return row
        log.error("checkpoint_does_not_verify", organisation=str(organisation_id), size=row.size)
    return None


def _holds(row: Checkpoint, keyring: Keyring) -> bool:
    try:
        body = keyring.checkpoint(row.note, row.organisation_id, signing.verify)
    except NoteError:
        return False
    frontier = merkle.unpack(bytes(row.frontier))
    return (
        (body.size, body.digest, body.root) == (row.size, bytes(row.digest), bytes(row.root))
        and len(frontier) == row.size.bit_count()
        and merkle.root(frontier) == body.root
    )


def _sign(
    organisation_id: UUID, file: HeldFile, signers: Sequence[Signer], head: ChainHead, latest: Checkpoint | None
) -> Checkpoint:
    before = ChainHead(latest.size, bytes(latest.digest)) if latest else ChainHead()
    followed = _Followed(before, queries.leaves(organisation_id, after=before.seq, until=head.seq))
    frontier, size = merkle.extend(merkle.unpack(bytes(latest.frontier)) if latest else [], before.seq, followed)
    if (size, followed.digest) != (head.seq, head.digest):
        raise _forked(organisation_id, head.seq)
    signer = signers[0]
    body = CheckpointBody(
        origin=f"{signer.name}/{organisation_id}", size=size, root=merkle.root(frontier), digest=head.digest
    )
    note, signed_at = signed(body.text(), signers), timezone.now()
    file.append(Anchored(organisation_id, size, note, signed_at))
    return _store(
        Checkpoint(
            organisation_id=organisation_id,
            size=size,
            digest=head.digest,
            root=body.root,
            frontier=merkle.pack(frontier),
            note=note,
            key_id=signer.key_id,
            anchor=file.name,
            signed_at=signed_at,
        )
    )


def _store(checkpoint: Checkpoint) -> Checkpoint:
    """Where a row of this size stands already, it is forged or says the same: the anchored note is what counts."""
    Checkpoint.objects.bulk_create([checkpoint], ignore_conflicts=True)
    return checkpoint


class _Followed:
    """The leaves, and the digest to which they lead from a signed one."""

    def __init__(self, before: ChainHead, leaves: Iterator[bytes]) -> None:
        self.digest, self._leaves = before.digest, leaves

    def __iter__(self) -> Iterator[bytes]:
        for leaf in self._leaves:
            self.digest = link(self.digest, leaf)
            yield leaf


def signed(text: str, signers: Sequence[Signer]) -> str:
    """The note: the text, signed by each."""
    first, *others = signers
    message = text.encode()
    note = notes.sign(text, name=first.name, public_key=first.public_key_bytes, signature=first.sign(message))
    return note + "".join(
        notes.signature_line(other.name, other.public_key_bytes, other.sign(message)) for other in others
    )


def mark(marker: RestoreMarker, organisation_id: UUID, file: HeldFile, signer: Signer, at: datetime) -> Anchored:
    """Anchor a restore marker. Raises AnchorFailed."""
    kept = Anchored(organisation_id, marker.continues, signed(marker.text(), [signer]), at, restored=True)
    file.append(kept)
    return kept
