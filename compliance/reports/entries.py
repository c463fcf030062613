"""Reading ledger entries for reports: always one organisation, bounded in time, and only of the homes in view.

An entry of no single home (a sign-in in the office, an export) is the organisation's own matter and in view of
everybody who may read reports, as it is with alerts. Views that are still open (a page looked at within the last
minute or so) are counted once they end.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from access import queries as access_queries
from access.actors import Actor
from access.models import CareHome, Device, Grant, RoleHolding
from audit.entries import open_details
from audit.errors import Unopenable
from audit.models import Event
from compliance.reports.actions import say
from compliance.reports.roles import Held, Timeline

# A refusal is about the home it asked for, whether the entry was filed under it or not.
HOME = """coalesce(e.care_home_id, CASE WHEN e.kind = 'refusal' AND e.subject LIKE 'care_home:%%'
    THEN substr(e.subject, 11)::uuid END)"""
WITHIN = f"""e.organisation_id = %(organisation)s AND e.at >= %(since)s AND e.at < %(until)s
    AND ({HOME} = ANY(%(homes)s) OR {HOME} IS NULL)"""
# When the system ends a session that is no longer valid it files that under the person, who did nothing.
WHO = "CASE WHEN e.action = 'access.session.ended' THEN 'system:sessions' ELSE e.actor END"
TIMES = "e.count"
COLUMNS = f"""e.id, e.at, e.kind, {WHO}, e.action, e.subject, e.device, {HOME}, {TIMES} AS times,
    cardinality(e.residents) AS residents"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose entries are in view: one organisation, the homes of whoever looks."""

    organisation_id: UUID
    homes: Mapping[UUID, str]  # names by id, in the order of names

    @classmethod
    def of(cls, actor: Actor, permission: Any) -> "Scope":
        homes = access_queries.care_homes(actor, permission).values_list("pk", "name")
        return cls(actor.organisation_id, dict(homes))

    @classmethod
    def whole(cls, organisation_id: UUID) -> "Scope":
        """Everything of the organisation: for the system's own evidence."""
        rows = CareHome.objects.filter(organisation_id=organisation_id).order_by("name").values_list("pk", "name")
        return cls(organisation_id, dict(rows))

    def sees(self, home: UUID | None) -> bool:
        return home is None or home in self.homes

    def home_name(self, home: UUID | None) -> str:
        return "No single home" if home is None else self.homes.get(home, "Another home")

    def values(self, since: datetime, until: datetime, **more: Any) -> dict[str, Any]:
        """The parameters of WITHIN."""
        known = {"organisation": self.organisation_id, "since": since, "until": until, "homes": list(self.homes)}
        return known | more


@dataclass(frozen=True, slots=True)
class Entry:
    """One ledger entry as a report shows it. times: how often (a record opened again within the minute)."""

    id: UUID
    at: datetime
    kind: str
    actor: str
    action: str
    subject: str
    device: str | None
    home: UUID | None
    times: int
    residents: int
    group: str = ""


def entries(
    scope: Scope, since: datetime, until: datetime, where: str, *, group: str = "''", **values: Any
) -> list[Entry]:
    """The entries in view that fulfil `where` (SQL over `e`), newest first; `group` is SQL for a word about each."""
    sql = f"""SELECT {COLUMNS}, {group} FROM audit_event e
        WHERE {WITHIN} AND ({where}) ORDER BY e.at DESC, e.id DESC"""  # noqa: S608  # our own words only
    return [Entry(*row) for row in rows(sql, scope.values(since, until, **values))]


def rows(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, dict(values))
        return list(cursor.fetchall())


def details(organisation_id: UUID, found: Sequence[Entry]) -> dict[UUID, dict[str, Any]]:
    """What the entries say beyond their columns, by id; nothing where it was erased or does not open. One query."""
    if not found:
        return {}
    events = Event.objects.filter(
        organisation_id=organisation_id,
        pk__in=[entry.id for entry in found],
        at__gte=min(entry.at for entry in found),
        at__lte=max(entry.at for entry in found),
    )
    told = {}
    for event in events:
        with suppress(Unopenable):
            told[event.pk] = open_details(event)
    return told


def timeline(organisation_id: UUID) -> Timeline:
    """The roles of everybody, ended by the end of their access. Two queries."""
    columns = ("staff_id", "care_home_id", "role", "starts_at", "ends_at", "staff__access_ended_at")
    held = RoleHolding.objects.filter(organisation_id=organisation_id).values_list(*columns)
    granted = Grant.objects.filter(organisation_id=organisation_id, effect=Grant.Effect.ALLOW).values_list(*columns)
    return Timeline(
        Held(f"staff:{staff}", home, role, starts, min(filter(None, (ends, over)), default=None))
        for staff, home, role, starts, ends, over in [*held, *granted]
    )


@dataclass(frozen=True, slots=True)
class Names:
    """What refs are called. A resident is never named in a report."""

    staff: Mapping[str, str]
    devices: Mapping[str, str]
    homes: Mapping[UUID, str]

    @classmethod
    def of(cls, scope: Scope, found: Iterable[Entry], more: Iterable[str] = ()) -> "Names":
        """Two queries, however many entries."""
        refs = set(more) | {ref for entry in found for ref in (entry.actor, entry.subject)}
        devices = Device.objects.filter(organisation_id=scope.organisation_id).values_list("pk", "name")
        return cls(
            access_queries.staff_names(scope.organisation_id, {ref for ref in refs if _is_staff(ref)}),
            {f"device:{pk}": name for pk, name in devices},
            scope.homes,
        )

    def who(self, ref: str) -> str:
        kind, _, rest = ref.partition(":")
        if kind == "staff":
            return self.staff.get(ref, "Somebody without an account here")
        if kind == "system":
            return f"The system ({rest.replace('_', ' ')})"
        return "Nobody signed in"

    def device(self, ref: str | None) -> str:
        return self.devices.get(ref, "Another tablet") if ref else "No tablet"

    def subject(self, ref: str) -> str:
        """What an entry is about, without naming a resident."""
        kind, _, rest = ref.partition(":")
        if kind == "staff":
            return self.staff.get(ref, "An account")
        if kind == "device":
            return self.devices.get(ref, "A tablet")
        if kind == "care_home":
            return next((name for home, name in self.homes.items() if str(home) == rest), "Another home")
        return _KINDS.get(kind) or f"{kind.replace('_', ' ').capitalize()} {rest[:8]}"


_KINDS = {"organisation": "The organisation", "resident": "A resident", "session": "A session"}


def _is_staff(ref: str) -> bool:
    return ref.startswith("staff:") and len(ref) == 42


def what(entry: Entry, detail: Mapping[str, Any] | None = None) -> str:
    """The act in words, with the role it gave and how many it was about."""
    said = say(entry.action)
    role = (detail or {}).get("role")
    return f"{said}: {str(role).replace('_', ' ')}" if role else said
