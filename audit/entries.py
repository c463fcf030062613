"""Making an entry ready for the database, and opening its details again."""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.canonical import EntryBody, binding, commitment
from audit.cipher import cipher
from audit.errors import Unopenable
from audit.models import Event

_SALT_BYTES = 32


def build_event(
    *,
    organisation_id: UUID,
    event_id: UUID,
    at: datetime,
    kind: str,
    actor: str,
    action: str,
    subject: str,
    device: str | None,
    care_home_id: UUID | None,
    residents: Sequence[UUID],
    detail: Mapping[str, Any],
    count: int = 1,
) -> Event:
    """An event ready to be inserted: its details encrypted, and bound to everything else that it says.

    residents: ascending, each once.
    """
    body = EntryBody(
        organisation_id=organisation_id,
        seq=0,
        event_id=event_id,
        at=at,
        kind=str(kind),
        actor=actor,
        action=str(action),
        subject=subject,
        device=device,
        care_home_id=care_home_id,
        residents=residents,
        commitment=b"",
        count=count,
    )
    plaintext = json.dumps(detail, sort_keys=True, ensure_ascii=False, default=str).encode()
    salt = secrets.token_bytes(_SALT_BYTES)
    ciphertext = cipher().seal(organisation_id, event_id, residents, plaintext, binding=binding(body))
    return Event(
        id=event_id,
        organisation_id=organisation_id,
        at=at,
        kind=kind,
        actor=actor,
        action=action,
        subject=subject,
        device=device,
        care_home_id=care_home_id,
        residents=list(residents),
        count=count,
        commitment=commitment(salt, ciphertext),
        salt=salt,
        detail=ciphertext,
    )


def open_details(event: Event) -> dict[str, Any]:
    """An entry's details in clear. Raises Unopenable where they were erased, altered or lost their key.

    For reading: an entry of version 1, whose details are bound to its id alone, opens too. Whether it may be of
    version 1 is the verifier's question.
    """
    if event.detail is None:
        raise Unopenable("The details were erased.")
    ciphertext = bytes(event.detail)
    try:
        opened = cipher().open(event.organisation_id, event.id, ciphertext, binding=binding(body_of(event)))
    except Unopenable:
        opened = cipher().open(event.organisation_id, event.id, ciphertext, binding=b"")
    return dict(json.loads(opened))


def body_of(event: Event) -> EntryBody:
    """What the event says, without its place in the chain."""
    return EntryBody(
        organisation_id=event.organisation_id,
        seq=0,
        event_id=event.id,
        at=event.at,
        kind=event.kind,
        actor=event.actor,
        action=event.action,
        subject=event.subject,
        device=event.device,
        care_home_id=event.care_home_id,
        residents=event.residents,
        commitment=bytes(event.commitment),
        count=event.count,
    )
