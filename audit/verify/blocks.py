"""One block of entries, the frame in which verification spends its time: as few Python steps per entry as it takes.

Payload: number of the first entry (8) ‖ how many (4) ‖ digest before them (32) ‖ a length each (4) ‖ a leaf each (32) ‖
the entries, each as hashed: 00 ‖ canonical bytes. The leaves are there to name the entry that was altered.
"""

import hashlib
import struct
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from audit import merkle
from audit.chain import BreakKind, ChainBreak

_HEAD = struct.Struct(">qI32s")
_POSITION = struct.Struct(">q")
_LENGTH = struct.Struct(">I")
MOST_ENTRIES = 4096  # in a block; blocks end where a multiple of it does, so that their subtrees are large
_SHORTEST = 26  # prefix, version, organisation, seq
_SEALED, _OPENED = 1, 2


class BadBlock(Exception):
    """The block's own numbers do not fit together."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The tree and the chain up to `size` entries: subtrees since the cut before, and the digest there."""

    size: int
    subtrees: list[tuple[int, bytes]]
    digest: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """What came of a block. content: its part of the file's digest; broken: the first entry that does not hold.

    versions: of the first and the last entry; one never falls below that of an entry before.
    """

    first: int
    count: int
    before: bytes
    cuts: list[Cut] = field(default_factory=list)
    content: bytes = b""
    broken: ChainBreak | None = None
    versions: tuple[int, int] = (0, 0)

    @property
    def after(self) -> bytes:
        return self.cuts[-1].digest if self.cuts else self.before


def pack(first: int, before: bytes, entries: Sequence[bytes], leaves: Sequence[bytes]) -> bytes:
    """entries: canonical bytes."""
    lengths = struct.pack(f">{len(entries)}I", *(len(entry) + 1 for entry in entries))
    bodies = b"".join(b"\x00" + entry for entry in entries)
    return _HEAD.pack(first, len(entries), before) + lengths + b"".join(leaves) + bodies


def unpack(payload: bytes) -> tuple[int, bytes, list[bytes], bytes]:
    """Number of the first entry, digest before it, each entry as hashed, and the leaves end to end. Raises BadBlock."""
    if len(payload) < _HEAD.size:
        raise BadBlock("A block is too short.")
    first, count, before = _HEAD.unpack_from(payload)
    start = _HEAD.size + count * 36
    if not (0 < count <= MOST_ENTRIES and 0 < first < 1 << 62 and start <= len(payload)):
        raise BadBlock("A block states numbers that it cannot have.")
    lengths = struct.unpack_from(f">{count}I", payload, _HEAD.size)
    ends = list(accumulate(lengths, initial=start))
    if ends[-1] != len(payload):
        raise BadBlock("The entries of a block do not fill it.")
    pieces = [payload[one:other] for one, other in pairwise(ends)]
    return first, before, pieces, payload[start - count * 32 : start]


def verify(payload: bytes, organisation: bytes, *, details: bytes | None, at: Sequence[int] = ()) -> Block:
    """Hash the block's entries into leaves, the leaves into the chain and into subtrees. Raises BadBlock.

    details: the frame of details that belongs to it. at: sizes at which a checkpoint wants the tree, ascending.
    """
    first, before, pieces, stated = unpack(payload)
    count = len(pieces)
    sha256 = hashlib.sha256
    leaves = [sha256(piece).digest() for piece in pieces]
    heads = {piece[:18] for piece in pieces}
    numbers = b"".join([piece[18:26] for piece in pieces])
    right = struct.pack(f">{count}q", *range(first, first + count))
    if not heads <= _heads(organisation) or numbers != right or b"".join(leaves) != stated:
        return Block(first, count, before, broken=_first_bad(first, pieces, leaves, stated, organisation))
    broken = _fallen(first, pieces) if len(heads) > 1 else None
    if broken is None and details is not None:
        broken = _uncommitted(first, pieces, details)
    cuts, digest, start = [], before, 0
    last = first + count - 1
    for size in (*at[bisect_left(at, first) : bisect_left(at, last)], last):
        end = size - first + 1
        for leaf in leaves[start:end]:
            digest = sha256(digest + leaf).digest()
        cuts.append(Cut(size, list(merkle.subtrees(first - 1 + start, leaves[start:end])), digest))
        start = end
    versions = (pieces[0][1], pieces[-1][1])
    return Block(first, count, before, cuts, content(first, count, before, digest), broken, versions)


def content(first: int, count: int, before: bytes, after: bytes) -> bytes:
    """A block's part in the digest of its file: the chain after it stands for every entry, so none is hashed again."""
    return hashlib.sha256(_HEAD.pack(first, count, before) + after).digest()


def _fallen(first: int, pieces: Sequence[bytes]) -> ChainBreak | None:
    """The first entry of an older version than the one before it: an old layout among new entries was put there."""
    for seq, (one, other) in enumerate(pairwise(pieces), first + 1):
        if other[1] < one[1]:
            return ChainBreak(seq, BreakKind.ALTERED)
    return None


def _heads(organisation: bytes) -> set[bytes]:
    return {b"\x00\x01" + organisation, b"\x00\x02" + organisation}


def _first_bad(
    first: int, pieces: Sequence[bytes], leaves: Sequence[bytes], stated: bytes, organisation: bytes
) -> ChainBreak:
    """Which entry it is, and whether it was altered where it stands or stands where another should."""
    seq = first
    for piece, leaf in zip(pieces, leaves, strict=True):
        place = (seq - first) * 32
        if leaf != stated[place : place + 32] or len(piece) < _SHORTEST or piece[:18] not in _heads(organisation):
            return ChainBreak(seq, BreakKind.ALTERED)
        (number,) = _POSITION.unpack_from(piece, 18)
        if number != seq:
            return ChainBreak(seq, _misplaced(number, seq, first, pieces))
        seq += 1
    raise AssertionError("A block that does not hold holds entry by entry.")


def _misplaced(number: int, seq: int, first: int, pieces: Sequence[bytes]) -> BreakKind:
    """Seen once: the one due comes later (reordered), never (missing), or was there before (inserted)."""
    if number < seq:
        return BreakKind.INSERTED
    later = {piece[18:26] for piece in pieces[seq - first + 1 :]}
    return BreakKind.REORDERED if _POSITION.pack(seq) in later else BreakKind.MISSING


def pack_details(first: int, details: Sequence[tuple[bytes | None, bytes | None, bytes | None]]) -> bytes:
    """details: (salt, ciphertext, plaintext) each; no salt where they were erased, no plaintext where not opened."""
    parts = [_HEAD.pack(first, len(details), bytes(32))]
    for salt, ciphertext, plaintext in details:
        if salt is None or ciphertext is None:
            parts.append(b"\x00")
            continue
        parts += [bytes([_SEALED if plaintext is None else _OPENED]), salt, _LENGTH.pack(len(ciphertext)), ciphertext]
        if plaintext is not None:
            parts += [_LENGTH.pack(len(plaintext)), plaintext]
    return b"".join(parts)


def unpack_details(payload: bytes) -> tuple[int, list[tuple[bytes | None, bytes | None, bytes | None]]]:
    """What `pack_details` packed, and the number of the first entry. Raises BadBlock."""
    try:
        first, count, _ = _HEAD.unpack_from(payload)
        found: list[tuple[bytes | None, bytes | None, bytes | None]] = []
        at = _HEAD.size
        for _ in range(min(count, MOST_ENTRIES)):
            kind = payload[at]
            at += 1
            if kind == 0:
                found.append((None, None, None))
                continue
            salt = payload[at : at + 32]
            ciphertext, at = _sized(payload, at + 32)
            plaintext = None
            if kind == _OPENED:
                plaintext, at = _sized(payload, at)
            elif kind != _SEALED:
                raise BadBlock("The details of a block cannot be read.")
            found.append((salt, ciphertext, plaintext))
    except (struct.error, IndexError) as error:
        raise BadBlock("The details of a block cannot be read.") from error
    if at != len(payload) or len(found) != count:
        raise BadBlock("The details of a block do not fill it.")
    return first, found


def _sized(payload: bytes, at: int) -> tuple[bytes, int]:
    (length,) = _LENGTH.unpack_from(payload, at)
    end = at + 4 + length
    return payload[at + 4 : end], end


def _uncommitted(first: int, pieces: Sequence[bytes], payload: bytes) -> ChainBreak | None:
    """The first entry whose details do not give the commitment it was sealed with."""
    start, details = unpack_details(payload)
    if (start, len(details)) != (first, len(pieces)):
        raise BadBlock("The details belong to other entries.")
    for seq, (piece, (salt, ciphertext, _)) in enumerate(zip(pieces, details, strict=True), first):
        if salt is None or ciphertext is None:
            continue
        if hashlib.sha256(salt + ciphertext).digest() != piece[-32:]:
            return ChainBreak(seq, BreakKind.ALTERED)
    return None
