"""Verifying a ledger in the database: every entry's bytes, every link, every checkpoint and every anchored note.

Reads page by page over any connection with a `.cursor()`, so that the restore drill can hand over its scratch database,
and holds one page at a time: memory does not grow with the ledger.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain as one_after_the_other
from typing import Any
from uuid import UUID

import psycopg
from django.db import DataError
from django.db import connection as default_connection

from audit import anchors, archives, merkle, notes, signing, whole_pages
from audit.branches import RestoreMarker
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
SELECT h.seq, h.digest, (SELECT coalesce(max(s.seq), 0) FROM audit_seal s WHERE s.organisation_id = o.id)
  FROM (SELECT %s::uuid AS id) o LEFT JOIN audit_head h ON h.organisation_id = o.id
"""
_NEXT = "SELECT min(seq) FROM audit_seal WHERE organisation_id = %s AND seq > %s"
_DIGEST = "SELECT digest FROM audit_seal WHERE organisation_id = %s AND seq = %s"
_NOTES = """
SELECT size, note, digest, root, frontier, key_id FROM audit_checkpoint
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
_UNNAMED = """
SELECT min(s.seq) FROM audit_seal s
  JOIN audit_event e ON e.organisation_id = s.organisation_id AND e.id = s.event_id AND e.at = s.at
 CROSS JOIN unnest(e.residents) AS resident
 WHERE s.organisation_id = %s AND s.seq > %s AND s.seq <= %s
   AND NOT EXISTS (SELECT 1 FROM audit_mention m
                    WHERE m.organisation_id = s.organisation_id AND m.resident_id = resident
                      AND m.at = s.at AND m.event_id = s.event_id)
"""
_NAMED_WRONGLY = """
SELECT 1 FROM audit_mention m
 WHERE m.organisation_id = %s
   AND m.at >= %s
   AND NOT EXISTS (SELECT 1 FROM audit_event e
                    WHERE e.organisation_id = m.organisation_id AND e.id = m.event_id AND e.at = m.at
                      AND m.resident_id = ANY (e.residents))
 LIMIT 1
"""
ERASURE = "records.resident.erased"  # the one act that may take details out of the ledger
_EVER = datetime(1, 1, 2, tzinfo=UTC)
_LOWEST = -(2**63)
_UNREADABLE = (None, None, UUID(int=0), *[None] * 12)  # the columns behind seq, leaf and digest of such a row


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """head: the last entry that holds; entries: how many were checked in this run; restores: marked, oldest first."""

    entries: int
    head: ChainHead
    checkpoint_size: int
    broken: ChainBreak | None
    restores: tuple[RestoreMarker, ...] = ()

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

    Details are opened too: an entry that was not written with the organisation's keys is an altered one. Notes of a
    branch that a marked restore cut off are passed over, also among extra_notes.
    """
    kept = anchors.branches(organisation_id)
    result = verify_connection(
        default_connection,
        organisation_id,
        after=after,
        unsealed_since=unsealed_since,
        extra_notes=one_after_the_other(kept.going_on(), kept.without_lost(extra_notes)),
        opening=True,
    )
    return replace(result, restores=tuple(kept.restores))


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

    after: trusted head to start from; if None the beginning, or where a signed archive says that the entries here
    begin. unsealed_since: look for events without a seal from then
    on; all if None. extra_notes: signed notes from outside the database; those in ascending order cost no query.
    opening: also open every entry's details under the organisation's keys, which only the application has.
    Finds entries altered, missing, inserted, reordered or cut off, and a chain that is not the one that was signed.
    """
    try:
        start = archives.horizon(organisation_id, connection) if after is None else None
    except archives.ForgedArchive:
        return VerificationResult(0, ChainHead(), 0, ChainBreak(1, BreakKind.MISSING))
    after = after or (start.head if start else ChainHead())
    signed = _SignedNotes(connection, organisation_id, after.seq, extra_notes)
    # Read after the notes' own bound: an entry or checkpoint made while this runs is for the next run.
    kept_seq, kept_digest, sealed_seq = one(connection, _HEAD, [organisation_id])
    kept = ChainHead(kept_seq, bytes(kept_digest or b"")) if kept_seq is not None else None
    walk = _Walk(
        connection,
        organisation_id,
        after,
        last=max(kept_seq or 0, sealed_seq),
        opening=opening,
        frontier=start.frontier if start else None,
    )
    walk.pass_whole_pages(signed)
    found = first_break(walk.entries(signed), after=walk.head)
    walk.settle()
    broken = _earliest(walk.broken, found if isinstance(found, ChainBreak) else None) or walk.wrong_at_the_end(
        kept, signed
    )
    if broken is None and any(
        one(connection, sql, [organisation_id, unsealed_since or _EVER]) is not None
        for sql in (_UNSEALED, _NAMED_WRONGLY)
    ):
        broken = ChainBreak(walk.head.seq + 1, BreakKind.INSERTED)
    return VerificationResult(walk.count, walk.head, signed.largest, broken)


def _earliest(*breaks: ChainBreak | None) -> ChainBreak | None:
    return min((found for found in breaks if found), key=lambda found: found.seq, default=None)


@dataclass(frozen=True, slots=True)
class _Signed:
    """A checkpoint as found. size: where it says it stands; body: what it signs, None where no known key signed it."""

    size: int
    body: notes.CheckpointBody | None


class _SignedNotes:
    """The checkpoints beyond a trusted head, ascending: the stored ones, each row held against its note, and others."""

    def __init__(self, connection: Any, organisation_id: UUID, after: int, extra: Iterable[str]) -> None:
        self._connection, self._organisation_id, self._after = connection, organisation_id, after
        self._keyring = signing.keyring()
        self._key_ids = self._keyring.public_keys().keys()
        kept = [(size_of(note), note, None) for note in extra]
        self._stored_until = one(connection, _NEWEST_NOTE, [organisation_id])[0]
        self.largest = after
        self._found = self._open(heapq.merge(self._stored(), kept, key=lambda found: found[0]))
        self._next = next(self._found, None)

    def give_back(self, taken: Iterable[_Signed]) -> None:
        """Put back what `up_to` gave out too early."""
        rest = [self._next] if self._next is not None else []
        self._found = one_after_the_other(taken, rest, self._found)
        self._next = next(self._found, None)

    def up_to(self, seq: int) -> Iterator[_Signed]:
        """Those not yet given out that cover at most `seq` entries."""
        while self._next is not None and self._next.size <= seq:
            yield self._next
            self._next = next(self._found, None)

    def beyond(self, seq: int) -> _Signed | None:
        """The first left that covers more than `seq` entries."""
        left = one_after_the_other([self._next] if self._next else [], self._found)
        return next((found for found in left if found.size > seq), None)

    def _open(self, pairs: Iterable[tuple[int, str, Any]]) -> Iterator[_Signed]:
        before: tuple[str, notes.CheckpointBody | None] = ("", None)
        for size, note, row in pairs:
            if note != before[0]:
                before = (note, self._body(note))
            elif row is None:  # anchored, as it is stored
                continue
            body = before[1]
            if body is not None and row is not None and not self._says(body, size, row):
                body = None
            if body is not None:
                self.largest = max(self.largest, body.size)
            if body is None or body.size > self._after:
                yield _Signed(size, body)

    def _body(self, note: str) -> notes.CheckpointBody | None:
        try:
            return self._keyring.checkpoint(note, self._organisation_id, signing.verify)
        except notes.NoteError:
            return None

    def _says(self, body: notes.CheckpointBody, size: int, row: Any) -> bool:
        """Whether a row's columns say what its note signed: the next checkpoint is built on them."""
        digest, root, frontier = (bytes(value or b"") for value in row[:3])
        return (
            (size, digest, root) == (body.size, body.digest, body.root)
            and merkle.root(merkle.unpack(frontier)) == body.root
            and row[3] in self._key_ids
        )

    def _stored(self) -> Iterator[tuple[int, str, Any]]:
        size = self._after or _LOWEST
        while rows := rows_of(self._connection, _NOTES, [self._organisation_id, size, self._stored_until, _PAGE]):
            yield from ((row[0], row[1], row[2:]) for row in rows)
            size = rows[-1][0]


def size_of(note: str) -> int:
    """The number of entries that a signed note covers, its signature unchecked; 0 where it cannot be read."""
    try:
        return notes.parse_body(note.partition("\n\n")[0] + "\n").size
    except notes.NoteError:
        return 0


class _Walk:
    """One pass over the entries, checking on the way what `first_break` cannot see: details and signed sizes."""

    def __init__(
        self,
        connection: Any,
        organisation_id: UUID,
        after: ChainHead,
        *,
        last: int,
        opening: bool,
        frontier: list[bytes] | None,
    ) -> None:
        self.connection, self.organisation_id = connection, organisation_id
        self.last, self.opening = last, opening
        self.head, self.count = after, 0
        self.broken: ChainBreak | None = None
        self._is_format_2 = one(connection, _IS_FORMAT_2, []) is not None
        self._sql = _ENTRIES if self._is_format_2 else _ENTRIES_BEFORE_2
        self._version = 1
        self._frontier: list[bytes] | None = [] if after.seq == 0 else frontier
        self._erased: dict[UUID, int] = {}
        self._settled = after.seq

    def pass_whole_pages(self, signed: _SignedNotes) -> None:
        """Go forward as long as whole pages hold; stops before the first in which something does not."""
        if not self._is_format_2 or not whole_pages.is_safe(self.connection):
            return
        while self.head.seq < self.last:
            page = whole_pages.whole_page(
                self.connection,
                self.organisation_id,
                self.head,
                until=min(self.head.seq + _PAGE, self.last),
                version=self._version,
                opening=self.opening,
            )
            if page is None or not self._take(page, signed):
                return

    def _take(self, page: whole_pages.WholePage, signed: _SignedNotes) -> bool:
        """Whether the checkpoints within the page and its erasures hold too; if so the walk stands behind it."""
        due = list(signed.up_to(page.head.seq))
        frontier = self._with_signed(page, due) if not self._unordered(page.erased) else None
        if frontier is None:
            signed.give_back(due)
            return False
        self._frontier = frontier if self._frontier is not None else None
        self.head, self.count, self._version = page.head, self.count + len(page.leaves), page.version
        self._settled = page.head.seq
        return True

    def _with_signed(self, page: whole_pages.WholePage, due: Iterable[_Signed]) -> list[bytes] | None:
        """The frontier behind the page, where its checkpoints sign this very chain; else None."""
        after, size, frontier = page.after.seq, page.after.seq, self._frontier or []
        for found in due:
            body = found.body
            if body is None or body.size <= after or page.digests[body.size - after - 1] != body.digest:
                return None
            if self._frontier is not None:
                frontier, size = merkle.extend(frontier, size, page.leaves[size - after : body.size - after])
                if merkle.root(frontier) != body.root:
                    return None
        return merkle.extend(frontier, size, page.leaves[size - after :])[0] if self._frontier is not None else []

    def entries(self, signed: _SignedNotes) -> Iterator[SealedEntry]:
        after = self.head.seq
        while rows := self._page(after):
            for row in rows:
                entry = _entry(self.organisation_id, row)
                yield entry
                self._passed(entry, salt=row[16], detail=row[17])
                self._hold_signed(signed)
                if self.broken:
                    return
            self.settle()
            after = rows[-1][0]

    def wrong_at_the_end(self, kept: ChainHead | None, signed: _SignedNotes) -> ChainBreak | None:
        """What only the end of the walk can tell: entries cut off, or a chain head that is not the chain's."""
        further = signed.beyond(self.head.seq)
        if further or (kept and kept.seq > self.head.seq):
            bad = further is not None and further.body is None
            return ChainBreak(self.head.seq + 1, BreakKind.BAD_CHECKPOINT if bad else BreakKind.TRUNCATED)
        if (kept or ChainHead()) != self.head:
            return ChainBreak(self.head.seq, BreakKind.FORK)
        return None

    def settle(self) -> None:
        """Hold what is asked once per page: that erasures were sealed, and that the index of residents is whole."""
        unordered = self._unordered(self._erased)
        unnamed = one(self.connection, _UNNAMED, [self.organisation_id, self._settled, self.head.seq])[0]
        self.broken = _earliest(
            self.broken,
            ChainBreak(min(unordered), BreakKind.ALTERED) if unordered else None,
            ChainBreak(unnamed, BreakKind.MISSING) if unnamed else None,
        )
        self._erased, self._settled = {}, self.head.seq

    def _unordered(self, erased: dict[UUID, int]) -> list[int]:
        return [
            seq
            for resident, seq in erased.items()
            if not one(self.connection, _ERASED, [self.organisation_id, f"resident:{resident}", ERASURE, seq])
        ]

    def _page(self, after: int) -> list[Any]:
        """The next rows. Where a value cannot be read (a time beyond all calendars): those before it, or it alone."""
        size = _PAGE
        while True:
            try:
                return rows_of(self.connection, self._sql, [self.organisation_id, after, self.last, size])
            except (DataError, psycopg.DataError):
                if size == 1:
                    seq = one(self.connection, _NEXT, [self.organisation_id, after])[0]
                    return [(seq, None, None, *_UNREADABLE)]
                size = max(1, size // 8)

    def _passed(self, entry: SealedEntry, *, salt: Any, detail: Any) -> None:
        body = entry.body
        if body is None or not self._holds(body, salt, detail):
            self.broken = ChainBreak(entry.seq, BreakKind.ALTERED)
            return
        self.head, self.count, self._version = ChainHead(entry.seq, entry.digest), self.count + 1, body.version
        if self._frontier is not None:
            self._frontier, _ = merkle.extend(self._frontier, entry.seq - 1, [entry.leaf])

    def _hold_signed(self, signed: _SignedNotes) -> None:
        for found in signed.up_to(self.head.seq):
            if self.broken:
                return
            if found.body is None:
                self.broken = ChainBreak(found.size if found.size > 0 else self.head.seq, BreakKind.BAD_CHECKPOINT)
            elif not self._as_signed(found.body):
                self.broken = ChainBreak(found.body.size, BreakKind.FORK)

    def _holds(self, body: EntryBody, salt: Any, detail: Any) -> bool:
        """Details give the commitment and open under the organisation's keys, bound to what the entry says.

        Only those of one resident, under that resident's key, may have been erased; whether an erasure was sealed is
        asked once per page. A version never falls: an old layout among new entries was put there.
        """
        if body.version < self._version:
            return False
        if salt is None or detail is None:
            if salt is not None or detail is not None or len(body.residents) != 1:
                return False
            self._erased.setdefault(body.residents[0], body.seq)
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
            commitment=_bytes(row[15]),
            version=row[3],
            sealed_at=row[4],
        )
    return SealedEntry(seq=row[0], leaf=_bytes(row[1]), digest=_bytes(row[2]), body=body)


def _bytes(value: Any) -> bytes:
    return b"" if value is None else bytes(value)


def rows_of(connection: Any, sql: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def one(connection: Any, sql: str, parameters: list[Any]) -> Any:
    rows = rows_of(connection, sql, parameters)
    return rows[0] if rows else None
