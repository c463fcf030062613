"""Names for refs, looked up when an entry is shown: the ledger itself holds none.

Reading a resident's name is a view of that resident, noted by the record itself and sealed by the door.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from access import queries as access_queries
from access.actors import Actor
from access.errors import EnvelopeError
from access.models import CareHome, Device, Grant, RoleHolding
from access.roles import Role
from audit.models import Event, OpenView
from records.models import Resident
from records.policies import RecordPermission


def names_for(actor: Actor, entries: Iterable[Event | OpenView]) -> dict[str, str]:
    """Names by ref of all that these entries speak of: four queries, whatever their number."""
    refs: set[str] = set()
    residents: set[UUID] = set()
    for entry in entries:
        refs |= {entry.actor, entry.subject, entry.device or ""}
        if len(entry.residents) <= 3:
            residents |= set(entry.residents)
    residents |= _ids("resident", refs)
    return (
        access_queries.staff_names(actor.organisation_id, {f"staff:{pk}" for pk in _ids("staff", refs)})
        | device_names(actor.organisation_id, _ids("device", refs))
        | home_names(actor.organisation_id)
        | resident_names(actor, residents)
    )


def resident_names(actor: Actor, ids: Iterable[UUID]) -> dict[str, str]:
    """By ref. A resident of a home whose residents the actor may not read is told without a name."""
    wanted = list(ids)
    if not wanted:
        return {}
    readable = actor.homes_permitting(RecordPermission.READ_RESIDENT)
    found: dict[str, str] = {}
    for resident in Resident.objects.filter(organisation_id=actor.organisation_id, pk__in=wanted):
        if resident.care_home_id not in readable:
            found[resident.ref] = _("a resident of another care home")
            continue
        if resident.erased_at is not None:
            found[resident.ref] = _("a resident whose record was erased")
            continue
        try:
            found[resident.ref] = resident.display_name
        except EnvelopeError:  # the key was destroyed: an erasure leaves no name
            found[resident.ref] = _("a resident whose record was erased")
    return found


def device_names(organisation_id: UUID, ids: Iterable[UUID]) -> dict[str, str]:
    wanted = list(ids)
    if not wanted:
        return {}
    return {row.ref: row.name for row in Device.objects.filter(organisation_id=organisation_id, pk__in=wanted)}


def home_names(organisation_id: UUID) -> dict[str, str]:
    return {row.ref: row.name for row in CareHome.objects.filter(organisation_id=organisation_id)}


def _ids(kind: str, refs: Iterable[str]) -> set[UUID]:
    """The ids of refs of one kind; what is no id is nobody's."""
    found = set()
    for ref in refs:
        head, _colon, rest = ref.partition(":")
        if head == kind:
            try:
                found.add(UUID(rest))
            except ValueError:
                continue
    return found


class Roles:
    """Who held which role where and when, of some people: two queries."""

    def __init__(self, organisation_id: UUID, refs: Iterable[str]) -> None:
        ids = _ids("staff", refs)
        self._spans: dict[str, list[tuple[datetime, datetime | None, UUID, str]]] = {}
        if not ids:
            return
        columns = ("staff_id", "starts_at", "ends_at", "care_home_id", "role")
        held = RoleHolding.objects.filter(organisation_id=organisation_id, staff_id__in=ids).values_list(*columns)
        granted = Grant.objects.filter(
            organisation_id=organisation_id, staff_id__in=ids, effect=Grant.Effect.ALLOW
        ).values_list(*columns)
        for staff_id, starts_at, ends_at, home, role in [*held, *granted]:
            self._spans.setdefault(f"staff:{staff_id}", []).append((starts_at, ends_at, home, role))

    def at(self, ref: str, moment: datetime, care_home_id: UUID | None) -> str:
        """The roles a person held at a moment, in that home if it is one of theirs; empty where they held none."""
        held = [
            (home, role)
            for starts_at, ends_at, home, role in self._spans.get(ref, [])
            if starts_at <= moment and (ends_at is None or moment < ends_at)
        ]
        there = {role for home, role in held if home == care_home_id} or {role for _home, role in held}
        return ", ".join(sorted(str(Role(role).label) for role in there))
