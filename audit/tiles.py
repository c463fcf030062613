"""Full tiles of 256 hashes, so that a proof out of a million entries reads a handful of rows.

A tile of level L holds 256 hashes, each the root over 256^L leaves (as C2SP tlog-tiles lays them out); `root` is the
root over them. Only full tiles are kept. They are derived: whoever gives out a proof holds it against the signed root
first, and falls back to the leaves where a tile was tampered with.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.db import connection

from audit import merkle

WIDTH, _HEIGHT = 256, 8
_AT_ONCE = 64  # tiles built from one read: 16,384 leaves


def write(organisation_id: UUID, size: int) -> int:
    """Keep the tiles that a tree of `size` leaves fills and that are not kept yet; returns how many were written."""
    written, level, filled = 0, 0, size // WIDTH
    while filled:
        written += _write_level(organisation_id, level, filled)
        level, filled = level + 1, filled // WIDTH
    return written


def _write_level(organisation_id: UUID, level: int, filled: int) -> int:
    row = _all(
        "SELECT number FROM audit_tile WHERE organisation_id = %s AND level = %s ORDER BY number DESC LIMIT 1",
        [organisation_id, level],
    )
    kept = row[0][0] + 1 if row else 0
    for first in range(kept, filled, _AT_ONCE):
        count = min(_AT_ONCE, filled - first)
        hashes = _below(organisation_id, level, first * WIDTH, count * WIDTH)
        if len(hashes) == count * WIDTH:
            _insert(organisation_id, level, first, hashes)
    return max(0, filled - kept)


def _insert(organisation_id: UUID, level: int, first: int, hashes: list[bytes]) -> None:
    parameters: list[Any] = []
    for at in range(0, len(hashes), WIDTH):
        tile = hashes[at : at + WIDTH]
        parameters += [organisation_id, level, first + at // WIDTH, b"".join(tile), merkle.perfect_root(tile)]
    values = ", ".join(["(%s, %s, %s, %s, %s)"] * (len(hashes) // WIDTH))
    with connection.cursor() as cursor:  # two signers may fill the same tile: both with the same hashes
        cursor.execute(
            "INSERT INTO audit_tile (organisation_id, level, number, hashes, root) VALUES "  # noqa: S608  # only (%s, …)
            + values
            + " ON CONFLICT DO NOTHING",
            parameters,
        )


def _below(organisation_id: UUID, level: int, start: int, count: int) -> list[bytes]:
    """`count` hashes of a level from number `start` on, read from what lies beneath: leaves, or roots of tiles."""
    if level == 0:
        return _leaves_from(organisation_id, start, count)
    rows = _all(
        "SELECT root FROM audit_tile WHERE organisation_id = %s AND level = %s AND number >= %s AND number < %s"
        " ORDER BY number",
        [organisation_id, level - 1, start, start + count],
    )
    return [bytes(row[0]) for row in rows]


def _leaves_from(organisation_id: UUID, start: int, count: int) -> list[bytes]:
    """Leaves from number `start` on: from seals and, where a tile's first entries were archived, from their record."""
    rows = _all(
        "SELECT seq, leaf FROM audit_seal WHERE organisation_id = %s AND seq > %s AND seq <= %s ORDER BY seq",
        [organisation_id, start, start + count],
    )
    live = [bytes(leaf) for _, leaf in rows]
    if rows and rows[0][0] == start + 1:
        return live
    archived = _archived(organisation_id, start)[:count]
    joined = not rows or rows[0][0] == start + len(archived) + 1
    return archived + live if joined else []


def _archived(organisation_id: UUID, start: int) -> list[bytes]:
    """The archived leaves from number `start` to the last one archived, where they are those of an unfilled tile."""
    rows = _all(
        "SELECT last_seq, tail FROM audit_archive WHERE organisation_id = %s ORDER BY last_seq DESC LIMIT 1",
        [organisation_id],
    )
    if not rows or not tail_start(rows[0][0]) <= start < rows[0][0]:
        return []
    return merkle.unpack(bytes(rows[0][1]))[start - tail_start(rows[0][0]) :]


def tail_start(size: int) -> int:
    """Where the last tile of a tree of `size` leaves begins, if it is not full."""
    return size - size % WIDTH


def tail(organisation_id: UUID, size: int) -> list[bytes]:
    """The leaves of a tree of `size` leaves that are in no full tile."""
    start = tail_start(size)
    return _leaves_from(organisation_id, start, size - start)


class HashesMissing(Exception):
    """A hash that the tree needs is in no tile and no seal: entries are gone, or were archived."""


class Tree:
    """The hashes of one organisation's tree, from tiles; a handful of them is kept in memory."""

    _KEPT = 8

    def __init__(self, organisation_id: UUID) -> None:
        self.organisation_id = organisation_id
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def node_at(self, level: int, index: int) -> bytes:
        """The root of perfect subtree `index` of 2^level leaves. Raises HashesMissing."""
        tile_level, height = divmod(level, _HEIGHT)
        first = index << height
        number, place = divmod(first, WIDTH)
        hashes = self._tile(tile_level, number)[place : place + (1 << height)]
        if len(hashes) < 1 << height:
            raise HashesMissing(f"Hash {index} of level {level} is missing.")
        return merkle.perfect_root(hashes)

    def span_root(self, span: merkle.Span) -> bytes:
        return merkle.span_root(span, self.node_at)

    def _tile(self, level: int, number: int) -> list[bytes]:
        """The hashes of a tile; of one not full yet, those that are there."""
        key = (level, number)
        if key not in self._tiles:
            if len(self._tiles) >= self._KEPT:
                del self._tiles[next(iter(self._tiles))]
            self._tiles[key] = self._read(level, number)
        return self._tiles[key]

    def _read(self, level: int, number: int) -> list[bytes]:
        rows = _all(
            "SELECT hashes FROM audit_tile WHERE organisation_id = %s AND level = %s AND number = %s",
            [self.organisation_id, level, number],
        )
        if rows:
            return merkle.unpack(bytes(rows[0][0]))
        return _below(self.organisation_id, level, number * WIDTH, WIDTH)


class LeafTree(Tree):
    """The same from the leaves, unless they are archived: slow, and out of reach of whoever tampers with tiles."""

    def node_at(self, level: int, index: int) -> bytes:
        start, count = index << level, 1 << level
        frontier, size = merkle.extend([], 0, _leaves(self.organisation_id, start, start + count))
        return merkle.root(frontier) if size == count else super().node_at(level, index)


def _leaves(organisation_id: UUID, start: int, end: int) -> Iterable[bytes]:
    for first in range(start, end, WIDTH * _AT_ONCE):
        yield from _below(organisation_id, 0, first, min(WIDTH * _AT_ONCE, end - first))


def trees(organisation_id: UUID) -> Iterator[Tree]:
    """The quick way to a proof, then the sure one."""
    yield Tree(organisation_id)
    yield LeafTree(organisation_id)


def _all(sql: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
