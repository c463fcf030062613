"""The ledger's signing key: Ed25519, in a file outside the database, read once per process."""

import hashlib
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from audit.errors import SigningKeyMissing


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


@cache
def signer() -> Signer:
    """Raises SigningKeyMissing."""
    try:
        key = serialization.load_pem_private_key(settings.AUDIT_SIGNING_KEY_FILE.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise SigningKeyMissing("The ledger's signing key cannot be read.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyMissing("The ledger's signing key is not an Ed25519 key.")
    return Signer(settings.AUDIT_SIGNER_NAME, key)


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
