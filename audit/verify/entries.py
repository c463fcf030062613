"""The fields of an entry out of its canonical bytes, versions 1 and 2 (FORMAT.md)."""

import struct
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

_FIXED = {1: struct.Struct(">B16sq16sq"), 2: struct.Struct(">B16sq16sqqi")}
_LENGTH = struct.Struct(">i")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Unreadable(Exception):
    """The bytes are not those of an entry."""


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise Unreadable("A field is longer than the entry.")
        self.at += count
        return self.data[self.at - count : self.at]

    def length(self) -> int:
        return int(_LENGTH.unpack(self.take(4))[0])

    def optional(self) -> bytes | None:
        length = self.length()
        return None if length == -1 else self.take(length)

    def text(self) -> str:
        return self.take(self.length()).decode()


def fields(canonical: bytes) -> dict[str, Any]:
    """The entry's fields by name, as JSON can hold them. Raises Unreadable."""
    try:
        return _fields(canonical)
    except (struct.error, ValueError, OverflowError, KeyError, IndexError) as error:
        raise Unreadable("The entry's bytes are not in the ledger's format.") from error


def _fields(canonical: bytes) -> dict[str, Any]:
    fixed = _FIXED[canonical[0]]
    version, organisation, seq, event, at, *rest = fixed.unpack_from(canonical)
    sealed_at, count = rest if rest else (None, 1)
    reader = _Reader(canonical, fixed.size)
    found = {
        "version": version,
        "organisation": str(UUID(bytes=organisation)),
        "seq": seq,
        "event": str(UUID(bytes=event)),
        "at": _moment(at),
        "sealed_at": None if sealed_at is None else _moment(sealed_at),
        "count": count,
        "kind": reader.text(),
        "actor": reader.text(),
        "action": reader.text(),
        "subject": reader.text(),
    }
    device, care_home = reader.optional(), reader.optional()
    found["device"] = None if device is None else device.decode()
    found["care_home"] = None if care_home is None else str(UUID(bytes=care_home))
    found["residents"] = [str(UUID(bytes=reader.take(16))) for _ in range(reader.length())]
    found["commitment"] = reader.take(32).hex()
    if reader.at != len(canonical):
        raise Unreadable("Something stands behind the entry.")
    return found


def _moment(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
