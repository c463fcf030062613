"""The keyring: an organisation's data keys, unwrapped and kept for at most five minutes per process.

Wrapping key → organisation key → resident keys. Destroying a resident's wrapped key erases what was written under it;
five minutes is the longest another process may still hold it.
"""

import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.db import transaction
from django.utils import timezone

from access import envelope
from access.errors import KeyUnavailable
from access.ids import uuid7
from access.key_purposes import Purpose
from access.wrapping import wrapping_key

_KEPT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Key:
    """A data key ready for use. raw: 32 bytes, for keyed digests."""

    id: UUID
    cipher: AESGCM
    raw: bytes


@dataclass(slots=True)
class _Ring:
    loaded_at: float = field(default_factory=time.monotonic)
    by_id: dict[UUID, Key] = field(default_factory=dict)
    current: dict[tuple[str, UUID | None], Key] = field(default_factory=dict)

    @property
    def stale(self) -> bool:
        return time.monotonic() - self.loaded_at > _KEPT_SECONDS


_rings: dict[UUID, _Ring] = {}
_lock = threading.Lock()


def _table() -> Any:
    """access.DataKey's manager, by its name: the models' encrypted fields are built on this module."""
    return apps.get_model("access", "DataKey")._default_manager


def forget() -> None:
    """Drop every unwrapped key of this process."""
    with _lock:
        _rings.clear()


def forget_ring(organisation_id: UUID) -> None:
    """Drop one organisation's unwrapped keys of this process."""
    with _lock:
        _rings.pop(organisation_id, None)


def make_key(organisation_id: UUID, purpose: Purpose, subject_id: UUID | None = None) -> Key:
    """Make, wrap and store a new data key. Called inside a service's transaction."""
    raw, row_id = secrets.token_bytes(envelope.KEY_BYTES), uuid7()
    context = _context(organisation_id, row_id)
    if purpose is Purpose.ORGANISATION:
        provider = wrapping_key()
        wrapped, wrapped_by = provider.wrap(raw, context), provider.key_id
    else:
        parent = current(organisation_id, Purpose.ORGANISATION)
        wrapped, wrapped_by = envelope.seal(parent.cipher, parent.id, raw, context), parent.id.hex[:16]
    _table().create(
        id=row_id,
        organisation_id=organisation_id,
        purpose=purpose,
        subject_id=subject_id,
        wrapped=wrapped,
        wrapped_by=wrapped_by,
    )
    key = Key(row_id, AESGCM(raw), raw)
    ring = _rings.get(organisation_id) or _load(organisation_id)
    ring.by_id[key.id] = key
    ring.current[purpose.value, subject_id] = key
    return key


def destroy(organisation_id: UUID, purpose: Purpose, subject_id: UUID) -> list[UUID]:
    """Destroy the wrapped keys of one subject; returns their ids. Called inside a service's transaction.

    This process drops its copies at once, and again when the transaction commits, for another thread may have read
    the row meanwhile. Other processes drop theirs with their keyring, five minutes later at most.
    """
    rows = _table().filter(
        organisation_id=organisation_id, purpose=purpose, subject_id=subject_id, wrapped__isnull=False
    )
    destroyed = list(rows.values_list("id", flat=True))
    rows.update(wrapped=None, destroyed_at=timezone.now())
    forget_ring(organisation_id)
    transaction.on_commit(lambda: forget_ring(organisation_id))
    return destroyed


def is_destroyed(organisation_id: UUID, subject_id: UUID) -> bool:
    """Whether this resident had a key and has none any more."""
    rows = _table().filter(organisation_id=organisation_id, purpose=Purpose.RESIDENT, subject_id=subject_id)
    found = list(rows.values_list("destroyed_at", flat=True))
    return bool(found) and all(found)


def current(organisation_id: UUID, purpose: Purpose, subject_id: UUID | None = None) -> Key:
    """The key new values are sealed under. Raises KeyUnavailable."""
    wanted = (purpose.value, subject_id)
    ring = _rings.get(organisation_id)
    if ring is None or ring.stale or wanted not in ring.current:
        ring = _load(organisation_id)
    try:
        return ring.current[wanted]
    except KeyError as error:
        raise KeyUnavailable("No such data key.") from error


def by_id(organisation_id: UUID, key_id: UUID) -> Key:
    """The key a ciphertext names. Raises KeyUnavailable."""
    ring = _rings.get(organisation_id)
    if ring is None or ring.stale or key_id not in ring.by_id:
        ring = _load(organisation_id)
    try:
        return ring.by_id[key_id]
    except KeyError as error:
        raise KeyUnavailable("No such data key.") from error


def key_for(organisation_id: UUID, subject_id: UUID | None) -> Key:
    """The key of one resident, or the organisation's own."""
    if subject_id is None:
        return current(organisation_id, Purpose.ORGANISATION)
    return current(organisation_id, Purpose.RESIDENT, subject_id)


def index_key(organisation_id: UUID) -> bytes:
    """The key of blind indexes and name tokens."""
    return current(organisation_id, Purpose.INDEX).raw


def record_digest(organisation_id: UUID, message: bytes) -> bytes:
    """HMAC-SHA-256 under the organisation's record-seal key."""
    return hmac.digest(current(organisation_id, Purpose.RECORD_SEAL).raw, message, hashlib.sha256)


def _load(organisation_id: UUID) -> _Ring:
    """Unwrap all of the organisation's live keys: one query, a few microseconds each."""
    rows = list(_table().filter(organisation_id=organisation_id, wrapped__isnull=False).order_by("created_at", "id"))
    ring = _Ring()
    rows.sort(key=lambda row: row.purpose != Purpose.ORGANISATION)
    for row in rows:
        raw = _unwrap(ring, organisation_id, row)
        key = Key(row.id, AESGCM(raw), raw)
        ring.by_id[row.id] = key
        ring.current[row.purpose, row.subject_id] = key
    with _lock:
        _rings[organisation_id] = ring
    return ring


def _unwrap(ring: _Ring, organisation_id: UUID, row: Any) -> bytes:
    context, wrapped = _context(organisation_id, row.id), bytes(row.wrapped)
    if row.purpose == Purpose.ORGANISATION:
        return wrapping_key().unwrap(wrapped, context)
    parent = ring.by_id[envelope.key_id(wrapped)]
    return envelope.open_sealed(parent.cipher, parent.id, wrapped, context)


def _context(organisation_id: UUID, row_id: UUID) -> bytes:
    return envelope.place(organisation_id, "access_data_key", "wrapped", row_id)
