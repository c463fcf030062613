"""The ledger's cipher: who holds the keys that audit does not know."""

from collections.abc import Sequence
from uuid import UUID

from access import envelope, keys
from access.errors import KeyUnavailable


class LedgerCipher:
    """Details go under the resident's key where an entry names one resident, else under the organisation's.

    Also under the organisation's where that resident was erased: a page that was open meanwhile still ends its view.
    """

    def seal(
        self, organisation_id: UUID, event_id: UUID, residents: Sequence[UUID], plaintext: bytes, *, binding: bytes
    ) -> bytes:
        key = _key(organisation_id, residents)
        return envelope.seal(key.cipher, key.id, plaintext, self._place(organisation_id, event_id) + binding)

    def open(self, organisation_id: UUID, event_id: UUID, ciphertext: bytes, *, binding: bytes) -> bytes:
        key = keys.by_id(organisation_id, envelope.key_id(ciphertext))
        return envelope.open_sealed(key.cipher, key.id, ciphertext, self._place(organisation_id, event_id) + binding)

    def record_digest(self, organisation_id: UUID, message: bytes) -> bytes:
        return keys.record_digest(organisation_id, message)

    def _place(self, organisation_id: UUID, event_id: UUID) -> bytes:
        return envelope.place(organisation_id, "audit_event", "detail", event_id)


def _key(organisation_id: UUID, residents: Sequence[UUID]) -> keys.Key:
    if len(residents) != 1:
        return keys.key_for(organisation_id, None)
    try:
        return keys.key_for(organisation_id, residents[0])
    except KeyUnavailable:
        if not keys.is_destroyed(organisation_id, residents[0]):
            raise
        return keys.key_for(organisation_id, None)
