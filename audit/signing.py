"""The ledger's signing key and the public keys that went before it: files outside the database.

Both are read again as soon as their file changed, so that every process signs with a new key from its next signature.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from audit.errors import KeyringDamaged, SigningKeyMissing
from audit.keyring import Keyring, parse


@dataclass(frozen=True, slots=True)
class Signer:
    """name: as it stands on signature lines; key_id: first 16 hex digits of SHA-256 of the raw public key."""

    name: str
    private_key: Ed25519PrivateKey

    @property
    def public_key_bytes(self) -> bytes:
        return self.private_key.public_key().public_bytes_raw()

    @property
    def public_key_pem(self) -> str:
        return (
            self.private_key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the raw public key in hex: what people compare."""
        return hashlib.sha256(self.public_key_bytes).hexdigest()

    @property
    def key_id(self) -> str:
        return self.fingerprint[:16]

    def sign(self, message: bytes) -> bytes:
        return self.private_key.sign(message)


T = TypeVar("T")


class _Watched(Generic[T]):
    """What a file says, read again when it is another file than last time or was written since."""

    def __init__(self, read: Callable[[bytes], T]) -> None:
        self._read = read
        self._seen: tuple[object, ...] = ()
        self._value: T | None = None

    def value(self, path: Path) -> T:
        status = path.stat()
        seen = (path, status.st_ino, status.st_mtime_ns, status.st_size)
        if self._value is None or self._seen != seen:
            value = self._read(path.read_bytes())
            self._seen, self._value = seen, value
            return value
        return self._value


def read_key(content: bytes) -> Ed25519PrivateKey:
    """Raises SigningKeyMissing."""
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except ValueError as error:
        raise SigningKeyMissing("The ledger's signing key cannot be read.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyMissing("The ledger's signing key is not an Ed25519 key.")
    return key


_key = _Watched(read_key)
_former = _Watched(lambda content: parse(content.decode()))


def signer() -> Signer:
    """Raises SigningKeyMissing."""
    try:
        return Signer(settings.AUDIT_SIGNER_NAME, _key.value(settings.AUDIT_SIGNING_KEY_FILE))
    except OSError as error:
        raise SigningKeyMissing("The ledger's signing key cannot be read.") from error


def keyring() -> Keyring:
    """The present key and every former one. Raises SigningKeyMissing, KeyringDamaged."""
    present = signer()
    return kept_keyring().present(present.name, present.public_key_bytes)


def kept_keyring() -> Keyring:
    """As the keyring file has it; empty before the first rotation. Raises KeyringDamaged."""
    try:
        return _former.value(settings.AUDIT_KEYRING_FILE)
    except FileNotFoundError:
        return Keyring(())
    except (OSError, UnicodeDecodeError) as error:
        raise KeyringDamaged("The file of known public keys cannot be read. Put it back from its copy.") from error


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
