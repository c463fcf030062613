"""The cipher of details. audit knows no keys: the setting AUDIT_CIPHER names who does."""

from collections.abc import Sequence
from functools import cache
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string


class Cipher(Protocol):
    def seal(
        self, organisation_id: UUID, event_id: UUID, residents: Sequence[UUID], plaintext: bytes, *, binding: bytes
    ) -> bytes:
        """Encrypt an entry's details, bound to the organisation, the event and what else the entry says."""

    def open(self, organisation_id: UUID, event_id: UUID, ciphertext: bytes, *, binding: bytes) -> bytes:
        """Decrypt what `seal` made; binding is empty for entries of version 1.

        Raises an Unopenable where the entry was altered or the key was destroyed.
        """

    def record_digest(self, organisation_id: UUID, message: bytes) -> bytes:
        """A keyed digest (32 bytes) of a record's version."""


@cache
def cipher() -> Cipher:
    return import_string(settings.AUDIT_CIPHER)()
