"""The cipher of details. audit knows no keys: the setting AUDIT_CIPHER names who does."""

from collections.abc import Sequence
from functools import cache
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string


class Cipher(Protocol):
    def seal(self, organisation_id: UUID, event_id: UUID, residents: Sequence[UUID], plaintext: bytes) -> bytes:
        """Encrypt an entry's details, bound to the organisation and the event."""

    def open(self, organisation_id: UUID, event_id: UUID, ciphertext: bytes) -> bytes:
        """Decrypt what `seal` made. Raises the cipher's own error where the key was destroyed."""

    def record_digest(self, organisation_id: UUID, message: bytes) -> bytes:
        """A keyed digest (32 bytes) of a record's version."""


@cache
def cipher() -> Cipher:
    return import_string(settings.AUDIT_CIPHER)()
