"""Verifying a ledger in the database: every entry's bytes, every link, every checkpoint and every anchored note.

Reads page by page over any connection with a `.cursor()`, so that the restore drill can hand over its scratch database.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auditlog.registry import auditlog
from django.db import connection as default_connection

from audit import anchors, merkle, notes, signing
from audit.canonical import EntryBody, commitment
from audit.chain import BreakKind, ChainBreak, ChainHead, SealedEntry, first_break
from audit.cipher import cipher
from audit.digests import record_digest
from audit.errors import Unopenable
from audit.reading import Watched, collecting

_PAGE = 5_000
_ENTRIES = """
SELECT s.seq, s.leaf, s.digest, e.id, e.at, e.kind, e.actor, e.action, e.subject, e.device, e.care_home_id,
       e.residents, e.commitment, e.salt, e.detail
  FROM audit_seal s
  LEFT JOIN audit_event e ON e.organisation_id = s.organisation_id AND e.id = s.event_id AND e.at = s.at
 WHERE s.organisation_id = %s AND s.seq > %s
 ORDER BY s.seq LIMIT %s
"""
_LATEST_CHANGE = """
SELECT s.seq, e.id, e.detail
  FROM audit_event e
  JOIN audit_seal s ON s.organisation_id = e.organisation_id AND s.event_id = e.id AND s.at = e.at
 WHERE e.organisation_id = %s AND e.subject = %s AND e.kind = 'change'
 ORDER BY s.seq DESC LIMIT 1
"""  # by the order of commits: clocks of two machines, or one set back, tell another
_GONE = """
SELECT s.seq, e.subject
  FROM audit_event e
  JOIN audit_seal s ON s.organisation_id = e.organisation_id AND s.event_id = e.id AND s.at = e.at
 WHERE e.organisation_id = %s AND e.kind = 'change' AND starts_with(e.subject, %s)
   AND NOT EXISTS (SELECT 1 FROM {table} r WHERE r.organisation_id = e.organisation_id AND %s || r.id = e.subject)
 ORDER BY s.seq DESC LIMIT 1
"""
_UNSEALED = """
SELECT e.id FROM audit_event e
 WHERE e.organisation_id = %s
   AND NOT EXISTS (SELECT 1 FROM audit_seal s
                    WHERE s.organisation_id = e.organisation_id AND s.event_id = e.id AND s.at = e.at)
 LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """head: the last entry that holds; entries: how many were checked in this run."""

    entries: int
    head: ChainHead
    checkpoint_size: int
    broken: ChainBreak | None

    @property
    def ok(self) -> bool:
        return self.broken is None

    @property
    def first_bad_seq(self) -> int | None:
        return self.broken.seq if self.broken else None

    @property
    def kind(self) -> str:
        return self.broken.kind.value if self.broken else ""


@dataclass(frozen=True, slots=True)
class RecordMismatch:
    seq: int | None
    kind: str
    subject: str


def verify_organisation(
    organisation_id: UUID, *, after: ChainHead | None = None, extra_notes: Sequence[str] = ()
) -> VerificationResult:
    """Verify over the application's own connection, held against stored checkpoints and anchored notes."""
    kept = [*anchors.anchored_notes(organisation_id), *extra_notes]
    return verify_connection(default_connection, organisation_id, after=after, extra_notes=kept)


def verify_connection(
    connection: Any,
    organisation_id: UUID,
    *,
    after: ChainHead | None = None,
    extra_notes: list[str] | None = None,
) -> VerificationResult:
    """Verify one organisation's ledger over a connection that may read it (the organisation set, or BYPASSRLS).

    after: trusted head to start from; the beginning if None. extra_notes: signed notes from outside the database.
    Finds entries altered, missing, inserted, reordered or cut off, and a chain that is not the one that was signed.
    """
    after = after or ChainHead()
    try:
        signed = _signed_bodies(connection, organisation_id, extra_notes or [])
    except notes.NoteError:
        return VerificationResult(0, after, 0, ChainBreak(after.seq + 1, BreakKind.BAD_CHECKPOINT))
    walk = _Walk(organisation_id, after, signed)
    head = first_break(walk.entries(connection), after=after)
    largest = max(signed, default=0)
    if isinstance(head, ChainBreak):
        return VerificationResult(walk.count, walk.head, largest, walk.altered or head)
    broken = walk.altered or walk.fork
    if broken is None and head.seq < largest:
        broken = ChainBreak(head.seq + 1, BreakKind.TRUNCATED)
    if broken is None and _one(connection, _UNSEALED, [organisation_id]) is not None:
        broken = ChainBreak(head.seq + 1, BreakKind.INSERTED)
    if broken is None:
        broken = _head_mismatch(connection, organisation_id, head)
    return VerificationResult(walk.count, head, largest, broken)


class _Walk:
    """One pass over the entries, checking on the way what `first_break` cannot see: details and signed sizes."""

    def __init__(self, organisation_id: UUID, after: ChainHead, signed: dict[int, notes.CheckpointBody]) -> None:
        self.organisation_id, self.signed = organisation_id, signed
        self.head, self.count = after, 0
        self.altered: ChainBreak | None = None
        self.fork: ChainBreak | None = None
        self._frontier: list[bytes] | None = [] if after.seq == 0 else None

    def entries(self, connection: Any) -> Iterator[SealedEntry]:
        after = self.head.seq
        while rows := _all(connection, _ENTRIES, [self.organisation_id, after, _PAGE]):
            for row in rows:
                entry = _entry(self.organisation_id, row)
                yield entry
                self._passed(entry, salt=row[13], detail=row[14])
                if self.altered or self.fork:
                    return
            after = rows[-1][0]

    def _passed(self, entry: SealedEntry, *, salt: Any, detail: Any) -> None:
        if entry.body and not _details_hold(entry.body, salt, detail):
            self.altered = ChainBreak(entry.seq, BreakKind.ALTERED)
            return
        self.head, self.count = ChainHead(entry.seq, entry.digest), self.count + 1
        if self._frontier is not None:
            self._frontier, _ = merkle.extend(self._frontier, entry.seq - 1, [entry.leaf])
        body = self.signed.get(entry.seq)
        if body is None:
            return
        if body.digest != entry.digest or (self._frontier is not None and merkle.root(self._frontier) != body.root):
            self.fork = ChainBreak(entry.seq, BreakKind.FORK)


def _details_hold(body: EntryBody, salt: Any, detail: Any) -> bool:
    """Details give the commitment; only those of one resident, under that resident's key, may have been erased."""
    if salt is None or detail is None:
        return salt is None and detail is None and len(body.residents) == 1
    return commitment(bytes(salt), bytes(detail)) == body.commitment


def _entry(organisation_id: UUID, row: Any) -> SealedEntry:
    body = None
    if row[3] is not None:
        body = EntryBody(
            organisation_id=organisation_id,
            seq=row[0],
            event_id=row[3],
            at=row[4],
            kind=row[5],
            actor=row[6],
            action=row[7],
            subject=row[8],
            device=row[9],
            care_home_id=row[10],
            residents=row[11],
            commitment=bytes(row[12]),
        )
    return SealedEntry(seq=row[0], leaf=bytes(row[1]), digest=bytes(row[2]), body=body)


def _signed_bodies(connection: Any, organisation_id: UUID, extra: list[str]) -> dict[int, notes.CheckpointBody]:
    """Checkpoints by size, their signatures checked. A note over another log, or unsigned, raises NoteError."""
    stored = _all(
        connection, "SELECT note FROM audit_checkpoint WHERE organisation_id = %s ORDER BY size", [organisation_id]
    )
    signer = signing.signer()
    keys = {signer.name: signer.public_key_bytes}
    bodies: dict[int, notes.CheckpointBody] = {}
    for note in dict.fromkeys([row[0] for row in stored] + extra):
        body = notes.open_note(note, keys=keys, verify=signing.verify)
        if body.origin != f"{signer.name}/{organisation_id}":
            raise notes.NoteError("A checkpoint of another log.")
        if bodies.setdefault(body.size, body) != body:
            raise notes.NoteError("Two checkpoints of one size differ.")
    return bodies


def _head_mismatch(connection: Any, organisation_id: UUID, head: ChainHead) -> ChainBreak | None:
    row = _one(connection, "SELECT seq, digest FROM audit_head WHERE organisation_id = %s", [organisation_id])
    if row is None:
        return ChainBreak(1, BreakKind.TRUNCATED) if head.seq else None
    # Entries sealed since the walk's last page move the head on; only a head behind the walk is wrong.
    if row[0] < head.seq or (row[0] == head.seq and bytes(row[1]) != head.digest):
        return ChainBreak(head.seq, BreakKind.FORK)
    return None


def first_record_mismatch(organisation_id: UUID) -> RecordMismatch | None:
    """The first record that differs from the digest in its latest entry, that no entry ever sealed, or that is gone.

    A record that does not open at all differs too. Cannot see a record removed together with all of its entries: the
    chain tells of those.
    """
    for model in auditlog.get_models():
        if not issubclass(model, Watched):
            continue
        with collecting("verifying record seals"):
            for record in model._default_manager.filter(organisation_id=organisation_id).order_by("pk").iterator(500):
                found = _mismatch(organisation_id, record)
                if found:
                    return found
        gone = _gone(organisation_id, model)
        if gone:
            return gone
    return None


def _gone(organisation_id: UUID, model: Any) -> RecordMismatch | None:
    """A record that entries speak of and that is not there: records are never deleted."""
    sql = _GONE.format(table=default_connection.ops.quote_name(model._meta.db_table))
    prefix = f"{model.ref_kind}:"
    row = _one(default_connection, sql, [organisation_id, prefix, prefix])
    return RecordMismatch(seq=row[0], kind=BreakKind.RECORD_MISMATCH.value, subject=row[1]) if row else None


def _mismatch(organisation_id: UUID, record: Any) -> RecordMismatch | None:
    row = _one(default_connection, _LATEST_CHANGE, [organisation_id, record.ref])
    if row is not None and _as_sealed(organisation_id, record, event_id=row[1], detail=row[2]):
        return None
    return RecordMismatch(seq=row[0] if row else None, kind=BreakKind.RECORD_MISMATCH.value, subject=record.ref)


def _as_sealed(organisation_id: UUID, record: Any, *, event_id: UUID, detail: Any) -> bool:
    try:
        sealed = json.loads(cipher().open(organisation_id, event_id, bytes(detail or b"")))
        return bool(sealed.get("digest") == record_digest(record).hex())
    except Unopenable:
        return False


def _all(connection: Any, sql: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def _one(connection: Any, sql: str, parameters: list[Any]) -> Any:
    rows = _all(connection, sql, parameters)
    return rows[0] if rows else None
