"""Verifying a ledger in the database: every entry's bytes, every link, every checkpoint and every anchored note.

Reads page by page over any connection with a `.cursor()`, so that the restore drill can hand over its scratch database,
and holds one page at a time: memory does not grow with the ledger.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain as one_after_the_other
from typing import Any
from uuid import UUID

from django.db import connection as default_connection

from audit import anchors, merkle, notes, signing
from audit.canonical import VERSION, EntryBody, binding, commitment
from audit.chain import BreakKind, ChainBreak, ChainHead, SealedEntry, first_break
from audit.cipher import cipher
from audit.errors import Unopenable

_PAGE = 5_000
_ENTRIES = """
SELECT s.seq, s.leaf, s.digest, s.version, s.sealed_at, e.id, e.at, e.kind, e.actor, e.action, e.subject, e.device,
       e.care_home_id, e.residents, e.count, e.commitment, e.salt, e.detail
  FROM audit_seal s
  LEFT JOIN audit_event e ON e.organisation_id = s.organisation_id AND e.id = s.event_id AND e.at = s.at
 WHERE s.organisation_id = %s AND s.seq > %s AND s.seq <= %s
 ORDER BY s.seq LIMIT %s
"""
# A backup set of the first release, restored by a drill, has none of format 2's columns.
_ENTRIES_BEFORE_2 = _ENTRIES.replace("s.version, s.sealed_at", "1, NULL").replace("e.count", "1")
_IS_FORMAT_2 = """
SELECT 1 FROM information_schema.columns
 WHERE table_schema = current_schema() AND table_name = 'audit_seal' AND column_name = 'sealed_at'
"""
_HEAD = """
SELECT h.seq, h.digest, (SELECT max(s.seq) FROM audit_seal s WHERE s.organisation_id = h.organisation_id)
  FROM audit_head h WHERE h.organisation_id = %s
"""
_DIGEST = "SELECT digest FROM audit_seal WHERE organisation_id = %s AND seq = %s"
_NOTES = """
SELECT size, note FROM audit_checkpoint
 WHERE organisation_id = %s AND size > %s AND size <= %s ORDER BY size LIMIT %s
"""
_NEWEST_NOTE = "SELECT coalesce(max(size), 0) FROM audit_checkpoint WHERE organisation_id = %s"
_UNSEALED = """
SELECT e.id FROM audit_event e
 WHERE e.organisation_id = %s
   AND e.at >= %s
   AND NOT EXISTS (SELECT 1 FROM audit_seal s
                    WHERE s.organisation_id = e.organisation_id AND s.event_id = e.id AND s.at = e.at)
 LIMIT 1
"""
_ERASED = """
SELECT 1 FROM audit_event e
  JOIN audit_seal s ON s.organisation_id = e.organisation_id AND s.event_id = e.id AND s.at = e.at
 WHERE e.organisation_id = %s AND e.subject = %s AND e.action = %s AND s.seq > %s
 LIMIT 1
"""
ERASURE = "records.resident.erased"  # the one act that may take details out of the ledger
_EVER = datetime(1, 1, 2, tzinfo=UTC)


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


def verify_organisation(
    organisation_id: UUID,
    *,
    after: ChainHead | None = None,
    unsealed_since: datetime | None = None,
    extra_notes: Iterable[str] = (),
) -> VerificationResult:
    """Verify over the application's own connection, held against stored checkpoints and anchored notes.

    Details are opened too: an entry that was not written with the organisation's keys is an altered one.
    """
    return verify_connection(
        default_connection,
        organisation_id,
        after=after,
        unsealed_since=unsealed_since,
        extra_notes=one_after_the_other(anchors.anchored_notes(organisation_id), extra_notes),
        opening=True,
    )


def verify_connection(
    connection: Any,
    organisation_id: UUID,
    *,
    after: ChainHead | None = None,
    unsealed_since: datetime | None = None,
    extra_notes: Iterable[str] = (),
    opening: bool = False,
) -> VerificationResult:
    """Verify one organisation's ledger over a connection that may read it (the organisation set, or BYPASSRLS).

    after: trusted head to start from; the beginning if None. unsealed_since: look for events without a seal from then
    on; all if None. extra_notes: signed notes from outside the database; those in ascending order cost no query.
    opening: also open every entry's details under the organisation's keys, which only the application has.
    Finds entries altered, missing, inserted, reordered or cut off, and a chain that is not the one that was signed.
    """
    after = after or ChainHead()
    try:
        signed = _SignedNotes(connection, organisation_id, after.seq, extra_notes)
    except notes.NoteError:
        return VerificationResult(0, after, 0, ChainBreak(after.seq + 1, BreakKind.BAD_CHECKPOINT))
    # Read after the notes' own bound: an entry or checkpoint made while this runs is for the next run.
    kept = one(connection, _HEAD, [organisation_id])
    last = max(kept[0], kept[2] or 0) if kept else 0
    walk = _Walk(connection, organisation_id, after, last=last, opening=opening)
    try:
        found = first_break(walk.entries(signed), after=after)
        broken = (
            walk.broken or (found if isinstance(found, ChainBreak) else None) or walk.wrong_at_the_end(kept, signed)
        )
    except notes.NoteError:
        broken = ChainBreak(walk.head.seq + 1, BreakKind.BAD_CHECKPOINT)
    if broken is None and one(connection, _UNSEALED, [organisation_id, unsealed_since or _EVER]) is not None:
        broken = ChainBreak(walk.head.seq + 1, BreakKind.INSERTED)
    return VerificationResult(walk.count, walk.head, signed.largest, broken)


class _SignedNotes:
    """The checkpoints beyond a trusted head, ascending, each opened by a known key; raises NoteError on any other."""

    def __init__(self, connection: Any, organisation_id: UUID, after: int, extra: Iterable[str]) -> None:
        self._connection, self._organisation_id, self._after = connection, organisation_id, after
        signer = signing.signer()
        self._keys, self._origin = {signer.name: signer.public_key_bytes}, f"{signer.name}/{organisation_id}"
        kept = [(size_of(note), note) for note in extra]
        self._stored_until = one(connection, _NEWEST_NOTE, [organisation_id])[0]
        self.largest = after
        self._bodies = self._open(heapq.merge(self._stored(), kept, key=lambda pair: pair[0]))
        self._next = next(self._bodies, None)

    def up_to(self, seq: int) -> Iterator[notes.CheckpointBody]:
        """Those not yet given out that cover at most `seq` entries."""
        while self._next is not None and self._next.size <= seq:
            yield self._next
            self._next = next(self._bodies, None)

    def beyond(self, seq: int) -> bool:
        """Whether a checkpoint covers more than `seq` entries."""
        return any(body.size > seq for body in one_after_the_other([self._next] if self._next else [], self._bodies))

    def _open(self, pairs: Iterable[tuple[int, str]]) -> Iterator[notes.CheckpointBody]:
        before = None
        for _size, note in pairs:
            if note == before:  # stored and anchored alike
                continue
            before = note
            body = notes.open_note(note, keys=self._keys, verify=signing.verify)
            if body.origin != self._origin:
                raise notes.NoteError("A checkpoint of another log.")
            self.largest = max(self.largest, body.size)
            if body.size > self._after:
                yield body

    def _stored(self) -> Iterator[tuple[int, str]]:
        size = self._after
        while rows := rows_of(self._connection, _NOTES, [self._organisation_id, size, self._stored_until, _PAGE]):
            yield from rows
            size = rows[-1][0]


def size_of(note: str) -> int:
    """The number of entries that a signed note covers, its signature unchecked; 0 where it cannot be read."""
    try:
        return notes.parse_body(note.partition("\n\n")[0] + "\n").size
    except notes.NoteError:
        return 0


class _Walk:
    """One pass over the entries, checking on the way what `first_break` cannot see: details and signed sizes."""

    def __init__(self, connection: Any, organisation_id: UUID, after: ChainHead, *, last: int, opening: bool) -> None:
        self.connection, self.organisation_id = connection, organisation_id
        self.last, self.opening = last, opening
        self.head, self.count = after, 0
        self.broken: ChainBreak | None = None
        self._sql = _ENTRIES if one(connection, _IS_FORMAT_2, []) else _ENTRIES_BEFORE_2
        self._version = 1
        self._frontier: list[bytes] | None = [] if after.seq == 0 else None

    def entries(self, signed: _SignedNotes) -> Iterator[SealedEntry]:
        after = self.head.seq
        while rows := rows_of(self.connection, self._sql, [self.organisation_id, after, self.last, _PAGE]):
            erased: dict[UUID, int] = {}
            for row in rows:
                entry = _entry(self.organisation_id, row)
                yield entry
                self._passed(entry, salt=row[16], detail=row[17], erased=erased)
                self._hold_signed(signed)
                if self.broken:
                    return
            self._hold_erasures(erased)
            after = rows[-1][0]

    def wrong_at_the_end(self, kept: Any, signed: _SignedNotes) -> ChainBreak | None:
        """What only the end of the walk can tell: entries cut off, or a chain head that is not the chain's."""
        if signed.beyond(self.head.seq) or (kept and kept[0] > self.head.seq):
            return ChainBreak(self.head.seq + 1, BreakKind.TRUNCATED)
        if kept is None:
            return ChainBreak(1, BreakKind.TRUNCATED) if self.head.seq else None
        if kept[0] < self.head.seq or bytes(kept[1]) != self.head.digest:
            return ChainBreak(self.head.seq, BreakKind.FORK)
        return None

    def _passed(self, entry: SealedEntry, *, salt: Any, detail: Any, erased: dict[UUID, int]) -> None:
        body = entry.body
        if body is None or not self._holds(body, salt, detail, erased):
            self.broken = ChainBreak(entry.seq, BreakKind.ALTERED)
            return
        self.head, self.count, self._version = ChainHead(entry.seq, entry.digest), self.count + 1, body.version
        if self._frontier is not None:
            self._frontier, _ = merkle.extend(self._frontier, entry.seq - 1, [entry.leaf])

    def _hold_signed(self, signed: _SignedNotes) -> None:
        for body in signed.up_to(self.head.seq):
            if self.broken is None and not self._as_signed(body):
                self.broken = ChainBreak(body.size, BreakKind.FORK)

    def _holds(self, body: EntryBody, salt: Any, detail: Any, erased: dict[UUID, int]) -> bool:
        """Details give the commitment and open under the organisation's keys, bound to what the entry says.

        Only those of one resident, under that resident's key, may have been erased; whether an erasure was sealed is
        asked once per page. A version never falls: an old layout among new entries was put there.
        """
        if body.version < self._version:
            return False
        if salt is None or detail is None:
            if salt is not None or detail is not None or len(body.residents) != 1:
                return False
            erased.setdefault(body.residents[0], body.seq)
            return True
        ciphertext = bytes(detail)
        if commitment(bytes(salt), ciphertext) != body.commitment:
            return False
        return not self.opening or self._opens(body, ciphertext)

    def _opens(self, body: EntryBody, ciphertext: bytes) -> bool:
        bound = binding(body) if body.version == VERSION else b""
        try:
            cipher().open(self.organisation_id, body.event_id, ciphertext, binding=bound)
        except Unopenable:
            return False
        return True

    def _hold_erasures(self, erased: dict[UUID, int]) -> None:
        unordered = [
            seq
            for resident, seq in erased.items()
            if not one(self.connection, _ERASED, [self.organisation_id, f"resident:{resident}", ERASURE, seq])
        ]
        if unordered and self.broken is None:
            self.broken = ChainBreak(min(unordered), BreakKind.ALTERED)

    def _as_signed(self, body: notes.CheckpointBody) -> bool:
        if body.size < self.head.seq:  # a note out of order
            row = one(self.connection, _DIGEST, [self.organisation_id, body.size])
            return row is not None and bytes(row[0]) == body.digest
        return body.digest == self.head.digest and (self._frontier is None or merkle.root(self._frontier) == body.root)


def _entry(organisation_id: UUID, row: Any) -> SealedEntry:
    body = None
    if row[5] is not None:
        body = EntryBody(
            organisation_id=organisation_id,
            seq=row[0],
            event_id=row[5],
            at=row[6],
            kind=row[7],
            actor=row[8],
            action=row[9],
            subject=row[10],
            device=row[11],
            care_home_id=row[12],
            residents=row[13],
            count=row[14],
            commitment=bytes(row[15]),
            version=row[3],
            sealed_at=row[4],
        )
    return SealedEntry(seq=row[0], leaf=bytes(row[1]), digest=bytes(row[2]), body=body)


def rows_of(connection: Any, sql: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def one(connection: Any, sql: str, parameters: list[Any]) -> Any:
    rows = rows_of(connection, sql, parameters)
    return rows[0] if rows else None
