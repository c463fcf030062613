"""Making and destroying data keys, each with its entry."""

from uuid import UUID

from django.db import transaction

import audit.services
from access import keys
from access.events import AccessEvent
from access.key_purposes import Purpose


@transaction.atomic
def make_data_key(*, actor_ref: str, organisation_id: UUID, purpose: Purpose, subject_id: UUID | None = None) -> UUID:
    """A new data key, wrapped and stored; returns its id. The calling service has asked for the permission.

    subject_id: the resident whose key it is. Appends access.key.made.
    """
    key = keys.make_key(organisation_id, purpose, subject_id)
    audit.services.append(
        organisation_id=organisation_id,
        actor=actor_ref,
        action=AccessEvent.KEY_MADE,
        subject=f"data_key:{key.id}",
        detail={"purpose": purpose.value},
        residents=[subject_id] if subject_id else [],
    )
    return key.id


@transaction.atomic
def destroy_resident_keys(*, actor_ref: str, organisation_id: UUID, resident_id: UUID) -> list[UUID]:
    """Destroy a resident's keys for good: nothing that was written under them opens again; returns their ids.

    Only an erasure calls this, and has asked for the permission. Other processes may hold the key for another five
    minutes (access.keys). Appends access.key.destroyed per key.
    """
    destroyed = keys.destroy(organisation_id, Purpose.RESIDENT, resident_id)
    for key_id in destroyed:
        audit.services.append(
            organisation_id=organisation_id,
            actor=actor_ref,
            action=AccessEvent.KEY_DESTROYED,
            subject=f"data_key:{key_id}",
            detail={"purpose": Purpose.RESIDENT.value, "resident": f"resident:{resident_id}"},
        )
    return destroyed
