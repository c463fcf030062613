"""What a backup set says about itself: canonical JSON, signed. Pure.

`manifest.json` is UTF-8, keys sorted, indented by one space, one newline at the end; `manifest.sig` is one line,
`ed25519 <key id> <base64>`, and signs those bytes as they lie in the file.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from backups.errors import ManifestUnreadable, SignatureWrong

FORMAT = "carehome-backup/1"
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class LedgerMark:
    """How far one organisation's ledger had come: entries, chain digest (hex), and its latest signed checkpoint."""

    size: int
    digest: str
    checkpoint_size: int = 0
    checkpoint_note: str = ""


@dataclass(frozen=True, slots=True)
class OrganisationMark:
    """rows: of all tables that carry the organisation."""

    rows: int
    ledger: LedgerMark


@dataclass(frozen=True, slots=True)
class Manifest:
    """name: the folder the set lies in; size, sha256: of the encrypted file; dump_bytes: of what pg_dump wrote;
    created_at: aware UTC, when the snapshot was taken; schema: SHA-256 over the applied migrations."""

    id: UUID
    name: str
    created_at: datetime
    size: int  # bytes
    sha256: str
    dump_bytes: int
    postgresql: str
    schema: str
    tables: Mapping[str, int]
    organisations: Mapping[str, OrganisationMark]
    wrapping_keys: tuple[str, ...] = ()
    recipients: tuple[str, ...] = field(default=())

    def to_bytes(self) -> bytes:
        document = asdict(self) | {"format": FORMAT, "id": str(self.id), "created_at": self.created_at.isoformat()}
        return (json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()

    def is_older_than(self, other: "Manifest") -> bool:
        """Whether the other was taken later, or some ledger stands further on in it."""
        if self.id == other.id:
            return False
        behind = any(self.ledger_size(key) < mark.ledger.size for key, mark in other.organisations.items())
        return behind or self.created_at < other.created_at

    def ledger_size(self, organisation_id: str) -> int:
        mark = self.organisations.get(organisation_id)
        return mark.ledger.size if mark else 0


def from_bytes(content: bytes) -> Manifest:
    """Read and check a manifest's form. Raises ManifestUnreadable."""
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise ManifestUnreadable("The manifest is of a format that this version does not know.")
        manifest = Manifest(
            id=UUID(document["id"]),
            name=str(document["name"]),
            created_at=datetime.fromisoformat(document["created_at"]),
            size=_count(document["size"]),
            sha256=_hex(document["sha256"]),
            dump_bytes=_count(document["dump_bytes"]),
            postgresql=str(document["postgresql"]),
            schema=_hex(document["schema"]),
            tables={str(name): _count(rows) for name, rows in document["tables"].items()},
            organisations={str(UUID(key)): _mark(mark) for key, mark in document["organisations"].items()},
            wrapping_keys=tuple(str(key) for key in document["wrapping_keys"]),
            recipients=tuple(str(key) for key in document["recipients"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ManifestUnreadable("The manifest cannot be read: it is cut, or was changed.") from error
    if manifest.created_at.tzinfo is None:
        raise ManifestUnreadable("The manifest's time has no time zone.")
    return manifest


def _mark(mark: Mapping[str, Any]) -> OrganisationMark:
    ledger = mark["ledger"]
    return OrganisationMark(
        rows=_count(mark["rows"]),
        ledger=LedgerMark(
            size=_count(ledger["size"]),
            digest=_hex(ledger["digest"]),
            checkpoint_size=_count(ledger["checkpoint_size"]),
            checkpoint_note=str(ledger["checkpoint_note"]),
        ),
    )


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("not a count")
    return value


def _hex(value: Any) -> str:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise ValueError("not a SHA-256 in hex")
    return value


def signature_line(key_id: str, signature: bytes) -> bytes:
    return f"ed25519 {key_id} {base64.b64encode(signature).decode()}\n".encode()


def check_signature(content: bytes, line: bytes, public_keys: Mapping[str, bytes]) -> str:
    """The id of the key that signed the content. public_keys: raw Ed25519 keys by id. Raises SignatureWrong."""
    try:
        algorithm, key_id, encoded = line.decode("ascii").split()
        signature = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise SignatureWrong("The manifest's signature is missing or cannot be read.") from error
    if algorithm != "ed25519" or key_id not in public_keys:
        raise SignatureWrong("The manifest was signed by a key that this installation does not know.")
    try:
        Ed25519PublicKey.from_public_bytes(public_keys[key_id]).verify(signature, content)
    except (InvalidSignature, ValueError) as error:
        raise SignatureWrong(
            "The manifest's signature does not fit: the manifest was changed after it was signed."
        ) from error
    return key_id
