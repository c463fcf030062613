"""The Merkle tree of RFC 9162 over entry leaves, kept as a frontier so that a checkpoint costs only its news. Pure.

The frontier of n leaves is the roots of the perfect subtrees that make up n, largest first: one per set bit of n.
"""

import hashlib
from collections.abc import Iterable

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
