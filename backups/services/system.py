"""The system as an actor: a backup covers every organisation, so each gets its own permission check and entry."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

import audit.services
from access.actors import Actor
from access.policies import ANYWHERE
from access.tenancy import acting_for, organisation_ids
from backups.events import BackupEvent
from backups.policies import BackupPermission, policy


def actors() -> list[Actor]:
    """The system in each organisation, where it may run backups. Raises NotPermitted."""
    found = [Actor.system(organisation_id, "backups") for organisation_id in organisation_ids()]
    for actor in found:
        policy.require(actor, BackupPermission.RUN, at=ANYWHERE)
    return found


def each_organisation() -> Iterator[Actor]:
    """The system in each organisation, its rows open while the loop's body runs."""
    for actor in actors():
        with acting_for(actor.organisation_id):
            yield actor


def append(actor: Actor, action: BackupEvent, subject: str, detail: Mapping[str, Any]) -> UUID:
    return audit.services.append(
        organisation_id=actor.organisation_id, actor=actor.ref, action=action, subject=subject, detail=detail
    )


def tell_each_organisation(
    action: BackupEvent, subject: str, details: Mapping[str, Mapping[str, Any]], common: Mapping[str, Any]
) -> None:
    """One entry per organisation; details: by organisation id, shown to that organisation only."""
    for actor in each_organisation():
        with transaction.atomic():
            append(actor, action, subject, {**common, **details.get(str(actor.organisation_id), {})})
