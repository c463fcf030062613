"""Searches: who searched and how much they found; what they typed stays unreadable."""

from uuid import UUID

import audit.services
from access import keys
from access.actors import Actor
from access.envelope import blind_index
from access.models import CareHome
from access.policies import ANYWHERE
from records.events import RecordEvent
from records.policies import RecordPermission, policy

_PAGE = "records:resident_list"


def record_search(*, actor: Actor, words: str, found: int, care_home: CareHome | None = None) -> UUID:
    """Note a search for residents; the same one again within a minute is counted, not noted anew.

    words: as typed. The entry holds their keyed digest: two searches for the same words are recognised, by nobody read.
    Raises NotPermitted, LedgerUnavailable. Notes records.resident_list.searched.
    """
    policy.require(actor, RecordPermission.READ_RESIDENT, at=care_home.pk if care_home else ANYWHERE)
    plain = " ".join(words.casefold().split())
    digest = blind_index(keys.index_key(actor.organisation_id), "resident.search", plain)
    return audit.services.note_view(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=RecordEvent.RESIDENTS_SEARCHED,
        subject=care_home.ref if care_home else f"organisation:{actor.organisation_id}",
        page=_PAGE,
        care_home_id=care_home.pk if care_home else None,
        extra={"search": digest.hex(), "found": found},
    )
