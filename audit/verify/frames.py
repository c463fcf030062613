"""Frames: one byte of type, four of length, then the payload. Reading stops before a length that no frame may have."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

MAGIC = b"carehome-ledger/1\n"
HEADER, ENTRIES, DETAILS, SUBTREES, NOTE, TRAILER = b"H", b"E", b"D", b"S", b"N", b"Z"
# The most bytes a payload may have: a reader's memory is bounded by these, whatever a file claims.
LIMITS = {HEADER: 1 << 16, ENTRIES: 1 << 25, DETAILS: 1 << 25, SUBTREES: 1 << 16, NOTE: 1 << 16, TRAILER: 1 << 16}
CUT = "It ends within a frame."
_HEAD = struct.Struct(">cI")


class NotALedgerFile(Exception):
    """The file does not begin as a file of the ledger does, so nothing can be said about it."""


class Damaged(Exception):
    """The file ends early, or something stands in it that no file of the ledger has."""


@dataclass(frozen=True, slots=True)
class Frame:
    """offset: where the payload begins; payload: None where it was skipped."""

    type: bytes
    offset: int
    length: int
    payload: bytes | None


def pack(type_: bytes, payload: bytes) -> bytes:
    """Raises ValueError for a payload that no reader would take."""
    if len(payload) > LIMITS[type_]:
        raise ValueError("The payload is larger than a frame may be.")
    return _HEAD.pack(type_, len(payload)) + payload


def read_magic(stream: IO[bytes]) -> None:
    """Raises NotALedgerFile."""
    if stream.read(len(MAGIC)) != MAGIC:
        raise NotALedgerFile("It does not begin as a file of the ledger does.")


def frames(stream: IO[bytes], *, skipping: bytes = b"") -> Iterator[Frame]:
    """The frames behind the magic. skipping: types whose payload is passed over (the stream must then be seekable).

    Raises Damaged.
    """
    at = len(MAGIC)
    while head := stream.read(_HEAD.size):
        if len(head) < _HEAD.size:
            raise Damaged(CUT)
        type_, length = _HEAD.unpack(head)
        if length > LIMITS.get(type_, -1):
            raise Damaged("It holds a frame of an unknown type, or one that is too long.")
        at += _HEAD.size
        payload = None
        if type_ in skipping:
            stream.seek(length, 1)
        else:
            payload = stream.read(length)
            if len(payload) < length:
                raise Damaged(CUT)
        yield Frame(type_, at, length, payload)
        at += length
