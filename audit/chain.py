"""Where a chain of entries stops following from a trusted head. Pure: no Django, no clock, no database."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from audit.canonical import GENESIS, EntryBody, leaf, link


class BreakKind(StrEnum):
    """What is wrong with the first bad entry."""

    ALTERED = "altered"  # its bytes no longer give its leaf
    MISSING = "missing"  # sealed, and gone; or a number skipped
    INSERTED = "inserted"  # an event that was never sealed
    REORDERED = "reordered"  # entries stand in another order than they were sealed
    TRUNCATED = "truncated"  # entries cut off the end: the chain is shorter than a signed checkpoint
    FORK = "fork"  # the chain holds, and is not the one a checkpoint signed
    RECORD_MISMATCH = "record mismatch"  # a record differs from what its latest entry sealed
    BAD_CHECKPOINT = "bad checkpoint"  # its signature does not open under any key we know


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The last entry's number and digest; (0, zeros) before the first."""

    seq: int = 0
    digest: bytes = GENESIS


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """One entry as found. `body` is None where the seal stands and its event is gone."""

    seq: int
    leaf: bytes
    digest: bytes
    body: EntryBody | None


@dataclass(frozen=True, slots=True)
class ChainBreak:
    seq: int
    kind: BreakKind


def first_break(entries: Iterable[SealedEntry], *, after: ChainHead) -> ChainBreak | ChainHead:
    """Where the entries stop following from a trusted head; the new head if they all do.

    entries: one organisation's, ascending by seq; a gap is a break.
    Cannot see entries cut off the end: hold the head against the latest checkpoint for that.
    """
    seq, digest = after.seq, after.digest
    for entry in entries:
        seq += 1
        if entry.seq != seq:
            return ChainBreak(seq, BreakKind.MISSING)
        if entry.body is None:
            return ChainBreak(seq, BreakKind.MISSING)
        if not _gives(entry.body, entry.leaf):
            return ChainBreak(seq, BreakKind.ALTERED)
        digest = link(digest, entry.leaf)
        if digest != entry.digest:
            return ChainBreak(seq, BreakKind.REORDERED)
    return ChainHead(seq, digest)


def _gives(body: EntryBody, leaf_hash: bytes) -> bool:
    try:
        return leaf(body) == leaf_hash
    except (ValueError, TypeError, AttributeError, struct.error):  # of a version, or with values, nobody ever sealed
        return False
