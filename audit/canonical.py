"""The bytes of an entry that are hashed, and the hashes. Pure: values in, values out.

The layout is fixed by length prefixes instead of a text format, because PostgreSQL can make the same bytes in SQL
(`uuid_send`, `int8send`, `timestamptz_send`) and so seal inside the transaction. `FORMAT.md` describes it with test
vectors; a change of layout takes a new version byte and leaves the old one readable for ever.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

VERSION = 2  # what new entries are sealed in; version 1, without `sealed_at` and `count`, stays readable for ever
GENESIS = bytes(32)  # the digest before the first entry
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_NULL = struct.pack(">i", -1)


@dataclass(frozen=True, slots=True)
class EntryBody:
    """What one entry says. `at` is aware UTC, microseconds; `commitment` is 32 bytes; refs are `kind:uuid`.

    sealed_at: the database's clock when the entry was sealed, None in version 1. count: how often a view was opened
    within its minute, else 1; version 1 does not carry it.
    """

    organisation_id: UUID
    seq: int
    event_id: UUID
    at: datetime
    kind: str
    actor: str
    action: str
    subject: str
    device: str | None
    care_home_id: UUID | None
    residents: Sequence[UUID]
    commitment: bytes
    sealed_at: datetime | None = None
    count: int = 1
    version: int = VERSION


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode()
    return struct.pack(">i", len(encoded)) + encoded


def _uuid(value: UUID | None) -> bytes:
    return _NULL if value is None else struct.pack(">i", 16) + value.bytes


def microseconds(at: datetime) -> int:
    """Microseconds from 2000-01-01T00:00:00Z, as PostgreSQL's `timestamptz_send` counts them."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def canonical(entry: EntryBody) -> bytes:
    """The entry's bytes in its own version: fixed fields first, then length-prefixed ones, residents, commitment.

    Raises ValueError for a version that this code does not know.
    """
    return b"".join(
        (
            struct.pack(">B", entry.version),
            entry.organisation_id.bytes,
            struct.pack(">q", entry.seq),
            entry.event_id.bytes,
            struct.pack(">q", microseconds(entry.at)),
            _added_by_version(entry),
            _text(entry.kind),
            _text(entry.actor),
            _text(entry.action),
            _text(entry.subject),
            _text(entry.device),
            _uuid(entry.care_home_id),
            struct.pack(">i", len(entry.residents)),
            *(resident.bytes for resident in entry.residents),
            entry.commitment,
        )
    )


def _added_by_version(entry: EntryBody) -> bytes:
    if entry.version == 1:
        return b""
    if entry.version != VERSION or entry.sealed_at is None:
        raise ValueError("An entry of an unknown version.")
    return struct.pack(">qi", microseconds(entry.sealed_at), entry.count)


def leaf(entry: EntryBody) -> bytes:
    """The Merkle leaf hash of RFC 9162: SHA-256(0x00 ‖ canonical bytes)."""
    return hashlib.sha256(b"\x00" + canonical(entry)).digest()


def binding(entry: EntryBody) -> bytes:
    """SHA-256 (32 bytes) of what an entry says beside its details; the details' encryption is bound to it.

    Known before sealing, so without seq, sealing time and commitment. Who has no data key can thus neither write an
    entry in somebody's name nor move one's details to another.
    """
    return hashlib.sha256(
        b"".join(
            (
                b"carehome entry 2",
                entry.organisation_id.bytes,
                entry.event_id.bytes,
                struct.pack(">qi", microseconds(entry.at), entry.count),
                _text(entry.kind),
                _text(entry.actor),
                _text(entry.action),
                _text(entry.subject),
                _text(entry.device),
                _uuid(entry.care_home_id),
                struct.pack(">i", len(entry.residents)),
                *(resident.bytes for resident in entry.residents),
            )
        )
    ).digest()


def commitment(salt: bytes, ciphertext: bytes) -> bytes:
    """SHA-256(32-byte salt ‖ ciphertext of the details): destroying both leaves an entry that still verifies."""
    return hashlib.sha256(salt + ciphertext).digest()


def link(previous: bytes, leaf_hash: bytes) -> bytes:
    """The chain's next digest: SHA-256(previous digest ‖ leaf)."""
    return hashlib.sha256(previous + leaf_hash).digest()
