"""Wrapping keys: what the organisations' keys are encrypted under. Never in the database.

A provider has two methods, `wrap` and `unwrap`, and an id; the default reads a file. A key-management service is a
class with the same two methods, named by CAREHOME_WRAPPING_KEY_PROVIDER.
"""

import base64
import hashlib
import os
from functools import cache
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.utils.module_loading import import_string

from access.envelope import KEY_BYTES, NONCE_BYTES
from access.errors import WrappingKeyMissing, WrongWrappingKey


class WrappingKey(Protocol):
    key_id: str

    def wrap(self, key: bytes, context: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes: ...


class FileWrappingKey:
    """32 bytes, base64, in the file that CAREHOME_WRAPPING_KEY_FILE names."""

    def __init__(self) -> None:
        try:
            raw = base64.b64decode(settings.WRAPPING_KEY_FILE.read_bytes().strip(), validate=True)
        except (OSError, ValueError) as error:
            raise WrappingKeyMissing("The wrapping key's file cannot be read.") from error
        if len(raw) != KEY_BYTES:
            raise WrappingKeyMissing("The wrapping key's file does not hold 32 bytes in base64.")
        self._cipher = AESGCM(raw)
        self.key_id = hashlib.sha256(b"carehome wrapping key" + raw).hexdigest()[:16]

    def wrap(self, key: bytes, context: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
        except InvalidTag as error:
            raise WrongWrappingKey("The key was wrapped under another wrapping key.") from error


@cache
def wrapping_key() -> WrappingKey:
    """Raises WrappingKeyMissing."""
    return import_string(settings.WRAPPING_KEY_PROVIDER)()
