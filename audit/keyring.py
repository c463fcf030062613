"""Which public keys may sign for which part of a ledger: the present one, and the former ones that rotation retired.

A retired key vouches for what it signed up to the checkpoint that both keys signed, and for nothing beyond. Pure.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from audit import notes
from audit.branches import RestoreMarker, parse_marker
from audit.errors import KeyringDamaged
from audit.notes import CheckpointBody, NoteError, Verify

_VERSION = 1
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class KnownKey:
    """name: as on signature lines; public_key: raw Ed25519; valid_until: the last size it may sign, by organisation.

    made_at: None where the key is older than this file. retired_at: None until every organisation has its last size.
    """

    name: str
    public_key: bytes
    made_at: datetime | None = None
    retired_at: datetime | None = None
    valid_until: Mapping[UUID, int] = field(default_factory=dict)

    @property
    def key_id(self) -> str:
        return hashlib.sha256(self.public_key).hexdigest()[:16]

    def may_sign(self, organisation_id: UUID, size: int) -> bool:
        """An organisation that came after the key was retired has no size that it could have signed."""
        if organisation_id in self.valid_until:
            return size <= self.valid_until[organisation_id]
        return self.retired_at is None


@dataclass(frozen=True, slots=True)
class Keyring:
    """Every key that was ever ours, oldest first."""

    keys: tuple[KnownKey, ...]

    def checkpoint(self, note: str, organisation_id: UUID, verify: Verify) -> CheckpointBody:
        """The checkpoint of this organisation's log that the note carries.

        Raises NoteError: no known key's signature holds, it was retired before, or it is over another log.
        """
        body = notes.parse_body(notes.text_of(note))
        self._require(note, organisation_id, body.origin, body.size, verify)
        return body

    def marker(self, note: str, organisation_id: UUID, verify: Verify) -> RestoreMarker:
        """The restore marker of this organisation's log that the note carries. Raises NoteError as above."""
        marker = parse_marker(notes.text_of(note))
        self._require(note, organisation_id, marker.origin, marker.continues, verify)
        return marker

    def _require(self, note: str, organisation_id: UUID, origin: str, size: int, verify: Verify) -> None:
        for key in self.keys:
            if origin != f"{key.name}/{organisation_id}" or not key.may_sign(organisation_id, size):
                continue
            if notes.signed_by(note, name=key.name, public_key=key.public_key, verify=verify):
                return
        raise NoteError("No signature by a key that may sign this holds.")

    def public_keys(self) -> dict[str, bytes]:
        """By id: for what bears a signature and no size, such as backups' manifests."""
        return {key.key_id: key.public_key for key in self.keys}

    def present(self, name: str, public_key: bytes) -> "Keyring":
        """With the key that signs now. One that was retired stays retired, whoever put its file back."""
        same = [key for key in self.keys if key.public_key == public_key]
        if any(key.retired_at is not None or key.name == name for key in same):
            return self
        return Keyring((*self.keys, KnownKey(name, public_key)))

    def having(self, key: KnownKey) -> "Keyring":
        """With this key put in the place of what was known of it, or added."""
        if self.known(key.name, key.public_key) is None:
            return Keyring((*self.keys, key))
        same = (key.name, key.public_key)
        return Keyring(tuple(key if (known.name, known.public_key) == same else known for known in self.keys))

    def known(self, name: str, public_key: bytes) -> KnownKey | None:
        return next((key for key in self.keys if (key.name, key.public_key) == (name, public_key)), None)

    def may_sign(self, public_key: bytes, organisation_id: UUID, size: int) -> bool:
        """Whether what the key signs now will be believed."""
        return any(key.may_sign(organisation_id, size) for key in self.keys if key.public_key == public_key)


def ending_at(key: KnownKey, organisation_id: UUID, size: int) -> KnownKey:
    """The key, its last size for one organisation written down."""
    return replace(key, valid_until={**key.valid_until, organisation_id: size})


def dump(keyring: Keyring) -> str:
    return json.dumps({"version": _VERSION, "keys": [_as_json(key) for key in keyring.keys]}, indent=1) + "\n"


def _as_json(key: KnownKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "public_key": base64.b64encode(key.public_key).decode(),
        "made_at": key.made_at.isoformat() if key.made_at else None,
        "retired_at": key.retired_at.isoformat() if key.retired_at else None,
        "valid_until": {str(organisation): size for organisation, size in sorted(key.valid_until.items())},
    }


def parse(text: str) -> Keyring:
    """Raises KeyringDamaged."""
    try:
        content = json.loads(text)
        if content["version"] != _VERSION:
            raise ValueError("version")
        return Keyring(tuple(_from_json(key) for key in _list(content["keys"])))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyringDamaged("The file of known public keys cannot be read. Put it back from its copy.") from error


def _from_json(values: Any) -> KnownKey:
    public_key = base64.b64decode(values["public_key"], validate=True)
    key = KnownKey(
        name=str(values["name"]),
        public_key=public_key,
        made_at=_at(values["made_at"]),
        retired_at=_at(values["retired_at"]),
        valid_until={UUID(organisation): int(size) for organisation, size in values["valid_until"].items()},
    )
    if len(public_key) != _KEY_BYTES or key.key_id != values["key_id"]:
        raise ValueError("key")
    return key


def _at(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _list(value: Any) -> Iterable[Any]:
    if not isinstance(value, list):
        raise ValueError("keys")
    return value
