"""Finding entries among millions: what each reader may see, a page at a time, within a bounded time.

A page is looked for in stretches of time, the nearest first and each as long as the one before was quick, until it is
full or the time is up; then it says how far it looked and offers to go on. So every combination of filters answers,
also one that fits nothing among millions. Pages are cut by the last entry shown, never by counting (OFFSET), and every
statement names the time it is about, which keeps it to a few of the ledger's monthly partitions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

import audit.queries
from access.actors import Actor
from access.models import CareHome, Grant, RoleHolding
from access.policies import ANYWHERE
from audit.models import Event, EventKind, OpenView, Seal
from compliance.anomalies.queries import alerts
from compliance.errors import UnknownAlert
from compliance.ledger.filters import EPOCH, SYSTEM, Cursor, Filters
from compliance.ledger.sentences import LONDON, actions_of
from compliance.models import Alert, LedgerExport
from compliance.policies import CompliancePermission, policy

PAGE = 50
BUDGET = timedelta(milliseconds=120)  # after so long no further stretch is begun
HOURS_SPAN = timedelta(days=35)  # the longest that is counted by the hour: five whole weeks
HOURS_SPAN_OF_ONE = timedelta(days=91)  # of one person or resident: thirteen weeks
_FIRST_STRETCH = timedelta(days=7)
_LONGEST_STRETCH = timedelta(days=184)
_WANTED = 0.05  # seconds: how long the next stretch should take, judged by the one before
_GROWTH = 4
_AFTER_ALL = datetime(9999, 1, 1, tzinfo=UTC)
_NOBODY = UUID(int=0)
_COLUMNS = ", ".join(f"e.{column.column}" for column in Event._meta.concrete_fields)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one reader may see. whole: all of the organisation. staff: refs of those who work, or worked, in `homes`."""

    organisation_id: UUID
    homes: frozenset[UUID]
    whole: bool
    staff: frozenset[str] = frozenset()

    def shows(self, entry: Event | OpenView) -> bool:
        if self.whole:
            return True
        if entry.care_home_id is not None:
            return entry.care_home_id in self.homes
        return entry.actor in self.staff


@dataclass(frozen=True, slots=True)
class Page:
    """newest first. newer, older: where the next pages begin. looked_back_to: set where the time was up."""

    entries: list[Event]
    newer: Cursor | None = None
    older: Cursor | None = None
    looked_back_to: datetime | None = None


def scope_of(actor: Actor) -> Scope:
    """Raises NotPermitted.

    Entries of a home: who may read the log there. Entries of no home (sign-ins, backups): who may read it in every home
    of the organisation, or in a home where the acting person works.
    """
    policy.require(actor, CompliancePermission.READ_LEDGER, at=ANYWHERE)
    homes = frozenset(actor.homes_permitting(CompliancePermission.READ_LEDGER))
    every = set(CareHome.objects.filter(organisation_id=actor.organisation_id).values_list("pk", flat=True))
    if every <= homes:
        return Scope(actor.organisation_id, homes, whole=True)
    people = (
        rows.filter(organisation_id=actor.organisation_id, care_home_id__in=homes).values_list("staff_id")
        for rows in (RoleHolding.objects, Grant.objects)
    )
    held, granted = people
    staff = frozenset(f"staff:{pk}" for (pk,) in held.union(granted))
    return Scope(actor.organisation_id, homes, whole=False, staff=staff)


def alert_of(actor: Actor, filters: Filters) -> Alert | None:
    """The alert that the filters name. Raises UnknownAlert where there is none for this actor, NotPermitted."""
    if filters.alert is None:
        return None
    found = alerts(actor).filter(pk=filters.alert).first()
    if found is None:
        raise UnknownAlert
    return found


def own_exports(actor: Actor) -> QuerySet[LedgerExport]:
    """The files that this person asked for, newest first: each is a private matter of whoever asked.

    Raises NotPermitted.
    """
    policy.require(actor, CompliancePermission.EXPORT_LEDGER, at=ANYWHERE)
    rows: QuerySet[LedgerExport] = LedgerExport.objects.filter(
        organisation_id=actor.organisation_id, requested_by=actor.ref
    ).order_by("-created_at")
    return rows


class Search:
    """One question to the ledger: a scope, filters, and the alert that the filters name."""

    def __init__(self, scope: Scope, filters: Filters, *, now: datetime, alert: Alert | None = None) -> None:
        self.scope, self.filters, self.alert = scope, filters, alert
        since, until = filters.span(now)
        if alert is not None:
            since, until = alert.first_at, alert.last_at + timedelta(microseconds=1)
        self.event_id: UUID | None = None
        if filters.number is not None:
            since, until, self.event_id = self._sealed_as(filters.number)
        self.since, self.until = since, until

    def page(self, cursor: Cursor | None = None, *, size: int = PAGE, budget: timedelta = BUDGET) -> Page:
        """The page that begins at the cursor, or the newest."""
        if cursor is not None and not cursor.older:
            return self._towards_now(cursor, size, budget)
        found, reached = self._gather(self._backwards(cursor), size, budget, cursor)
        newer = Cursor(found[0].at, found[0].pk, older=False) if cursor and found else None
        if cursor and not found:
            newer = Cursor(cursor.at, cursor.id, older=False)
        if len(found) > size:
            last = found[size - 1]
            return Page(found[:size], newer, Cursor(last.at, last.pk, older=True))
        if reached is not None:
            return Page(found, newer, Cursor(reached, _NOBODY, older=True), reached)
        return Page(found, newer)

    def entries(self, *, size: int = 1000) -> Iterator[Event]:
        """All of them, newest first, `size` at a time in memory."""
        cursor: Cursor | None = None
        while True:
            page = self.page(cursor, size=size)
            yield from page.entries
            if page.older is None:
                return
            cursor = page.older

    def open_views(self) -> list[OpenView]:
        """Views that may still be repeated, newest first: not yet sealed, so no page of sealed entries holds them."""
        if self.filters.number is not None:
            return []
        views = (view for view in audit.queries.open_views(self.scope.organisation_id) if self._fits(view))
        return sorted(views, key=lambda view: (view.opened_at, view.pk), reverse=True)

    @property
    def hours_span(self) -> timedelta:
        """The longest time that is counted by the hour within the time that a page may take."""
        return HOURS_SPAN_OF_ONE if self.filters.resident or self.filters.actor else HOURS_SPAN

    def hours(self) -> tuple[dict[datetime, int], datetime]:
        """How many entries began in each hour (UTC, those with any), and from when on they were counted.

        Of a longer time only the last `hours_span` is counted.
        """
        until = self.until or self._newest()
        since = max(self.since, until - self.hours_span)
        where, values = self._where(since, until if self.until else _AFTER_ALL)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT date_bin('1 hour', e.at, '2000-01-01T00:00:00Z'::timestamptz), count(*)"  # noqa: S608
                f" FROM {self._source()} WHERE {where} GROUP BY 1",
                values,
            )
            return dict(cursor.fetchall()), since

    # --- stretches of time --------------------------------------------------------------------------------------------
    def _backwards(self, cursor: Cursor | None) -> Callable[[timedelta], tuple[datetime, datetime] | None]:
        upper = cursor.at + timedelta(microseconds=1) if cursor else None
        open_end = self.until if upper is None else min(upper, self.until or upper)
        end = open_end or self._newest()
        low, high = end, open_end or _AFTER_ALL
        floor = self.since

        def following(length: timedelta) -> tuple[datetime, datetime] | None:
            nonlocal low, high, floor
            if low <= floor:
                return None
            if floor == EPOCH and low < end:  # once the nearest stretch was not enough: where the ledger begins
                floor = max(floor, self._oldest(low))
            if low <= floor:
                return None
            stretch = (max(floor, low - length), high)
            low = high = stretch[0]
            return stretch

        return following

    def _gather(
        self,
        stretches: Callable[[timedelta], tuple[datetime, datetime] | None],
        size: int,
        budget: timedelta,
        cursor: Cursor | None,
    ) -> tuple[list[Event], datetime | None]:
        """At most size + 1 entries, and how far it looked if the time was up before it was through."""
        found: list[Event] = []
        began, length, low = perf_counter(), _FIRST_STRETCH, None
        while stretch := stretches(length):
            started = perf_counter()
            if low is not None and started - began > budget.total_seconds():
                return found, low
            found += self._read(*stretch, limit=size + 1 - len(found), cursor=cursor)
            if len(found) > size:
                return found, None
            low = stretch[0]
            took = max(perf_counter() - started, 0.001)
            length = min(length * max(0.5, min(_WANTED / took, _GROWTH)), _LONGEST_STRETCH)
        return found, None

    def _towards_now(self, cursor: Cursor, size: int, budget: timedelta) -> Page:
        """The page before the cursor's: the nearest entries after it."""
        low, end = max(cursor.at, self.since), self.until
        found: list[Event] = []
        began, length, looked = perf_counter(), _FIRST_STRETCH, low
        newest = end or self._newest()
        while looked < newest and len(found) <= size:
            started = perf_counter()
            if looked > low and started - began > budget.total_seconds():
                break
            high = looked + length
            last = high >= newest
            found += self._read(
                looked, (end or _AFTER_ALL) if last else high, limit=size + 1 - len(found), cursor=cursor
            )
            looked = high
            took = max(perf_counter() - started, 0.001)
            length = min(length * max(0.5, min(_WANTED / took, _GROWTH)), _LONGEST_STRETCH)
        more = len(found) > size
        entries = sorted(found[:size], key=lambda entry: (entry.at, entry.pk), reverse=True)
        first = Cursor(entries[0].at, entries[0].pk, older=False) if entries else None
        if not more and looked < newest:
            first, more = Cursor(looked, _NOBODY, older=False), True
        oldest = Cursor(entries[-1].at, entries[-1].pk, older=True) if entries else replace(cursor, older=True)
        return Page(entries, first if more else None, oldest)

    # --- statements ---------------------------------------------------------------------------------------------------
    def _read(self, low: datetime, high: datetime, *, limit: int, cursor: Cursor | None) -> list[Event]:
        where, values = self._where(low, high)
        way = "DESC"
        if cursor is not None:
            way = "DESC" if cursor.older else "ASC"
            where += f" AND (e.at, e.id) {'<' if cursor.older else '>'} (%(cursor_at)s, %(cursor_id)s)"
            values |= {"cursor_at": cursor.at, "cursor_id": cursor.id}
        values["limit"] = limit
        return list(
            Event.objects.raw(  # our own words; every value goes apart
                f"SELECT {_COLUMNS} FROM {self._source()} WHERE {where}"  # noqa: S608
                f" ORDER BY e.at {way}, e.id {way} LIMIT %(limit)s",
                values,
            )
        )

    def _source(self) -> str:
        if self.filters.resident is None:
            return "audit_event AS e"
        return (
            "audit_mention AS m JOIN audit_event AS e"
            " ON e.id = m.event_id AND e.at = m.at AND e.organisation_id = m.organisation_id"
        )

    def _where(self, low: datetime, high: datetime) -> tuple[str, dict[str, Any]]:
        filters, scope = self.filters, self.scope
        parts = ["e.organisation_id = %(organisation)s", "e.at >= %(low)s", "e.at < %(high)s"]
        values: dict[str, Any] = {"organisation": scope.organisation_id, "low": low, "high": high}

        def narrow(condition: str, **more: object) -> None:
            parts.append(condition)
            values.update(more)

        if not scope.whole:
            narrow(
                "(e.care_home_id = ANY(%(homes)s) OR (e.care_home_id IS NULL AND e.actor = ANY(%(staff)s::varchar[])))",
                homes=list(scope.homes),
                staff=list(scope.staff),
            )
        if filters.resident is not None:
            narrow(
                "m.organisation_id = %(organisation)s AND m.resident_id = %(resident)s"
                " AND m.at >= %(low)s AND m.at < %(high)s",
                resident=filters.resident,
            )
        if actor := self.alert.staff_ref if self.alert else filters.actor:
            narrow("e.actor = %(actor)s", actor=actor)
        elif filters.person == SYSTEM:
            narrow("starts_with(e.actor, 'system:')")
        if self.event_id is not None:
            narrow("e.id = %(event)s", event=self.event_id)
        if self.alert is not None:
            narrow("e.kind = 'view' AND cardinality(e.residents) = 1")
        for column, value in (
            ("care_home_id", filters.home),
            ("kind", filters.kind),
            ("device", f"device:{filters.device}" if filters.device else ""),
        ):
            if value:
                narrow(f"e.{column} = %({column})s", **{column: value})
        if filters.did:
            narrow("e.action = ANY(%(actions)s::varchar[])", actions=actions_of(filters.did))
        for name, part in (("hour", "HOUR"), ("weekday", "ISODOW")):
            if getattr(filters, name) is not None:
                narrow(
                    f"extract({part} FROM e.at AT TIME ZONE 'Europe/London') = %({name})s",
                    **{name: getattr(filters, name)},
                )
        return " AND ".join(parts), values

    def _fits(self, view: OpenView) -> bool:
        """The same question to a view that is not sealed yet."""
        filters, local = self.filters, view.opened_at.astimezone(LONDON)
        asked = (
            filters.resident is None or filters.resident in view.residents,
            not (self.alert or filters.actor) or view.actor == (self.alert.staff_ref if self.alert else filters.actor),
            filters.person != SYSTEM or view.actor.startswith("system:"),
            self.alert is None or len(view.residents) == 1,
            filters.home is None or view.care_home_id == filters.home,
            filters.kind in ("", EventKind.VIEW),
            filters.device is None or view.device == f"device:{filters.device}",
            not filters.did or view.action in actions_of(filters.did),
            filters.hour is None or local.hour == filters.hour,
            filters.weekday is None or local.isoweekday() == filters.weekday,
            self.since <= view.opened_at < (self.until or _AFTER_ALL),
        )
        return self.scope.shows(view) and all(asked)

    def _newest(self) -> datetime:
        """Just after the newest entry of the organisation."""
        newest = Event.objects.filter(organisation_id=self.scope.organisation_id).order_by("-at")
        found = newest.values_list("at", flat=True).first()
        return found + timedelta(microseconds=1) if found else EPOCH

    def _oldest(self, before: datetime) -> datetime:
        """The oldest entry of the organisation, or `before` where none is older."""
        oldest = Event.objects.filter(organisation_id=self.scope.organisation_id, at__lt=before).order_by("at")
        found: datetime | None = oldest.values_list("at", flat=True).first()
        return found or before

    def _sealed_as(self, number: int) -> tuple[datetime, datetime, UUID]:
        """When the entry with this number was, and its id; an empty time where there is none."""
        seal = Seal.objects.filter(organisation_id=self.scope.organisation_id, seq=number).first()
        if seal is None:
            return EPOCH, EPOCH, _NOBODY
        return seal.at, seal.at + timedelta(microseconds=1), seal.event_id
