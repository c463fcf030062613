"""Field changes: what django-auditlog sees beneath the services, turned into sealed entries."""

from typing import Any

from auditlog.models import AbstractLogEntry

from audit import acts, services
from audit.context import origin
from audit.digests import record_digest
from audit.models import FIELD_CHANGES, EventKind
from audit.reading import Watched

_VERBS = {
    AbstractLogEntry.Action.CREATE: "created",
    AbstractLogEntry.Action.UPDATE: "changed",
    AbstractLogEntry.Action.DELETE: "deleted",
}


def record_change(instance: Any, *, action: int, changes: dict[str, Any]) -> Any:
    """Append one field change, by whoever the door named as acting.

    A new record's entry names its columns and its digest, never the values: they stand in the record itself. A changed
    one keeps before and after, encrypted under the resident's key. Within an act on this very record the change goes
    into the act's own entry (`audit.services.sealing`); the answer is then None.
    """
    detail: dict[str, Any] = {"fields": sorted(changes)}
    if action == AbstractLogEntry.Action.UPDATE:
        detail["changes"] = changes
    detail["digest"] = record_digest(instance).hex()
    act = acts.of(instance.ref)
    if act is not None:
        acts.fold(act, detail)
        return None
    return services.append(
        organisation_id=instance.organisation_id,
        actor=origin().actor,
        action=f"{instance._meta.app_label}.{instance.ref_kind}.{_VERBS[action]}",
        subject=instance.ref,
        detail=detail,
        residents=[instance.watched_resident_id] if isinstance(instance, Watched) else [],
        care_home_id=getattr(instance, "care_home_id", None),
        kind=EventKind.CHANGE,
    )


def install() -> None:
    FIELD_CHANGES.record = record_change
