"""Encryption of one value under one data key. Pure: values in, values out.

Ciphertext = version (1 byte) ‖ key id (16) ‖ nonce (12) ‖ AES-256-GCM ciphertext and tag.
Associated data binds organisation, table, column and row, so that a value moved elsewhere does not open.
"""

import hashlib
import hmac
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from access.errors import EnvelopeTampered, WrongKey

VERSION = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32
_HEADER = 1 + 16


def place(organisation_id: UUID, table: str, column: str, row: UUID) -> bytes:
    """The associated data of a value: where it belongs."""
    return b"\x00".join((organisation_id.bytes, table.encode(), column.encode(), row.bytes))


def key_id(ciphertext: bytes) -> UUID:
    """The id of the key a ciphertext names. Raises EnvelopeTampered where it is too short or of an unknown version."""
    if len(ciphertext) < _HEADER + NONCE_BYTES + 16 or ciphertext[:1] != VERSION:
        raise EnvelopeTampered("Not a ciphertext of a known version.")
    return UUID(bytes=ciphertext[1:_HEADER])


def seal(cipher: AESGCM, key: UUID, plaintext: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + key.bytes + nonce + cipher.encrypt(nonce, plaintext, associated)


def open_sealed(cipher: AESGCM, key: UUID, ciphertext: bytes, associated: bytes) -> bytes:
    """Raises WrongKey, EnvelopeTampered."""
    if key_id(ciphertext) != key:
        raise WrongKey("Sealed under another key.")
    nonce, body = ciphertext[_HEADER : _HEADER + NONCE_BYTES], ciphertext[_HEADER + NONCE_BYTES :]
    try:
        return cipher.decrypt(nonce, body, associated)
    except InvalidTag as error:
        raise EnvelopeTampered("The value was altered, or stands where it does not belong.") from error


def blind_index(key: bytes, kind: str, value: str) -> bytes:
    """A keyed digest (16 bytes) by which an encrypted value can be found, never read. Equal values show as equal."""
    return hmac.digest(key, kind.encode() + b"\x00" + value.encode(), hashlib.sha256)[:16]


def name_token(key: bytes, value: str) -> bytes:
    """A keyed digest (8 bytes) of one word of a name; cut short so that it names several words at once."""
    return hmac.digest(key, b"name\x00" + value.casefold().encode(), hashlib.sha256)[:8]
