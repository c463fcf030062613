"""The Merkle tree of RFC 9162 over entry leaves, kept as a frontier so that a checkpoint costs only its news. Pure.

The frontier of n leaves is the roots of the perfect subtrees that make up n, largest first: one per set bit of n.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def node(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right), RFC 9162 section 2.1.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def extend(frontier: list[bytes], size: int, leaves: Iterable[bytes]) -> tuple[list[bytes], int]:
    """The frontier and size after appending leaf hashes to a tree of `size` leaves."""
    peaks = list(frontier)
    for leaf_hash in leaves:
        peaks.append(leaf_hash)
        carry = size
        while carry & 1:
            right = peaks.pop()
            peaks.append(node(peaks.pop(), right))
            carry >>= 1
        size += 1
    return peaks, size


def root(frontier: list[bytes]) -> bytes:
    """The tree's root from its frontier; SHA-256 of nothing for an empty tree."""
    if not frontier:
        return EMPTY_ROOT
    peaks = list(frontier)
    result = peaks.pop()
    while peaks:
        result = node(peaks.pop(), result)
    return result


def pack(frontier: list[bytes]) -> bytes:
    return b"".join(frontier)


def unpack(packed: bytes) -> list[bytes]:
    return [packed[start : start + 32] for start in range(0, len(packed), 32)]


class MalformedProof(Exception):
    """Hashes that no tree of the stated size has: too many, too few, or for an entry beyond its end."""


Span = tuple[int, int]  # leaves start … end-1
NodeAt = Callable[[int, int], bytes]  # the root of perfect subtree `index` of 2^level leaves


def _split(size: int) -> int:
    """The largest power of two below size: how many leaves stand left of the root. size: two or more."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Whose roots prove leaf `index` in a tree of `size` leaves, from the leaf upwards (RFC 9162, section 2.1.3.1)."""
    if not 0 <= index < size:
        raise MalformedProof("The entry is not in the tree.")
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """Whose roots prove that the tree of `old` leaves is the beginning of that of `new` (section 2.1.4.1)."""
    if not 0 < old <= new:
        raise MalformedProof("The older tree is not a part of the newer one.")
    spans: list[Span] = []
    start, end = 0, new
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if start:
        spans.append((start, end))
    return spans[::-1]


def cover(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The perfect subtrees, as (level, index), that make up leaves start … end-1, from left to right."""
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


def span_root(span: Span, node_at: NodeAt) -> bytes:
    """The root over a span that is a subtree of some tree: its perfect subtrees, joined from the right."""
    return root([node_at(level, index) for level, index in cover(*span)])


def root_from_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root to which a proof leads (section 2.1.3.2): compare it with a signed one. Raises MalformedProof."""
    spans = inclusion_spans(index, size)
    if len(proof) != len(spans) or any(len(part) != 32 for part in proof):
        raise MalformedProof("The proof has not the hashes that a tree of this size needs.")
    result = leaf_hash
    for (start, _), part in zip(spans, proof, strict=True):
        result = node(part, result) if start <= index else node(result, part)
    return result


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the older tree is the beginning of the newer (section 2.1.4.2). Never raises."""
    try:
        spans = consistency_spans(old, new)
    except MalformedProof:
        return False
    if len(proof) != len(spans) or any(len(part) != 32 for part in proof):
        return False
    if old == new:
        return old_root == new_root
    parts = list(zip(spans, proof, strict=True))
    if old & (old - 1) == 0:  # the older tree is a perfect subtree: its root is known, and no part of the proof
        older = newer = old_root
    else:
        (_, older), *parts = parts
        newer = older
    for (start, _), part in parts:
        if start < old:
            older, newer = node(part, older), node(part, newer)
        else:
            newer = node(newer, part)
    return (older, newer) == (old_root, new_root)


class Accumulator:
    """A tree grown from left to right out of perfect subtrees, of which single leaves are the smallest."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, level: int, subtree: bytes) -> None:
        """Append a subtree of 2^level leaves. Raises MalformedProof where no such subtree can begin here."""
        if self.size & ((1 << level) - 1):
            raise MalformedProof("A subtree does not stand where one of its size can.")
        self.size += 1 << level
        while self._peaks and self._peaks[-1][0] == level:
            subtree = node(self._peaks.pop()[1], subtree)
            level += 1
        self._peaks.append((level, subtree))

    @property
    def frontier(self) -> list[bytes]:
        return [subtree for _, subtree in self._peaks]

    def root(self) -> bytes:
        return root(self.frontier)


def subtrees(start: int, leaves: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """The perfect subtrees, as (level, root), over leaves that stand from number `start` on, from left to right."""
    at = 0
    for level, _ in cover(start, start + len(leaves)):
        yield level, perfect_root(leaves[at : at + (1 << level)])
        at += 1 << level


def perfect_root(leaves: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes, level by level: the fastest way there is in Python."""
    sha256, hashes = hashlib.sha256, leaves
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return hashes[0]
