"""Did everybody who left lose their access in time, and did nobody do anything afterwards?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count
from django.utils import timezone

from access import queries as access_queries
from access.events import AccessEvent
from access.models import Session
from access.queries import Leaver
from compliance.reports import lines
from compliance.reports.entries import Entry, Names, Scope, entries, rows, timeline
from compliance.reports.spans import Span, moment
from compliance.reports.tables import (
    ALL,
    BadSelection,
    Behind,
    Cell,
    Column,
    Figure,
    Mood,
    Page,
    Report,
    Selection,
    Table,
    amount,
    counted,
    figure_key,
    words,
)

NAME = "leavers"
TITLE = "Leavers"
QUESTION = "Did everybody who left lose their access, and did nothing happen afterwards?"
IN_TIME = timedelta(hours=24)
TABLETS_LOOKED_BACK = timedelta(days=90)

# What the system writes under a leaver's name when it turns them away is not something they did.
_TURNED_AWAY = [AccessEvent.SESSION_ENDED.value]
_AFTER = """
SELECT e.actor, count(*) FROM unnest(%(refs)s::text[], %(ended)s::timestamptz[]) AS l(actor, ended)
  JOIN audit_event e ON e.organisation_id = %(organisation)s AND e.actor = l.actor AND e.at > l.ended
   AND e.at < %(now)s AND e.action <> ALL(%(turned_away)s) GROUP BY 1
"""
_TABLETS = """
SELECT e.actor, array_agg(DISTINCT e.device) FROM unnest(%(refs)s::text[], %(left)s::timestamptz[]) AS l(actor, left_at)
  JOIN audit_event e ON e.organisation_id = %(organisation)s AND e.actor = l.actor AND e.device IS NOT NULL
   AND e.at >= l.left_at - %(back)s::interval AND e.at < %(now)s GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One leaver with what the ledger and the sessions say. sessions: still standing now."""

    leaver: Leaver
    afterwards: int
    sessions: int
    tablets: tuple[str, ...]

    def state(self, now: datetime) -> tuple[str, Mood]:
        ended = self.leaver.access_ended_at
        if self.afterwards:
            return "Something was done afterwards", Mood.BAD
        if ended is None or ended > now:
            late = now - self.leaver.left_at > IN_TIME
            return "Still has access", Mood.BAD if late else Mood.LOOK
        if self.leaver.took is not None and self.leaver.took > IN_TIME:
            return "Access ended late", Mood.BAD
        return "Access ended in time", Mood.GOOD


def seen(scope: Scope, since: datetime, until: datetime, now: datetime) -> list[Seen]:
    """The leavers of the homes in view, by when they left; those who never held a role are everybody's. Six queries."""
    held = timeline(scope.organisation_id)
    left = [
        leaver
        for leaver in access_queries.leavers(scope.organisation_id, since, until)
        if leaver.left_at <= now
        and (not (homes := held.homes_of(leaver.staff_ref)) or any(home in scope.homes for home in homes))
    ]
    after = acts_after(scope.organisation_id, left, now)
    standing = _sessions(scope.organisation_id, left)
    tablets = _tablets(scope.organisation_id, left, now)
    return [
        Seen(row, after.get(row.staff_ref, 0), standing.get(row.staff_ref, 0), tablets.get(row.staff_ref, ()))
        for row in left
    ]


def acts_after(organisation_id: UUID, left: Sequence[Leaver], now: datetime) -> dict[str, int]:
    """How many entries each leaver wrote after their access had ended; those with none are left out. One query."""
    ended = [leaver for leaver in left if leaver.access_ended_at is not None]
    values = {
        "organisation": organisation_id,
        "refs": [leaver.staff_ref for leaver in ended],
        "ended": [leaver.access_ended_at for leaver in ended],
        "now": now,
        "turned_away": _TURNED_AWAY,
    }
    return dict(rows(_AFTER, values))


def _sessions(organisation_id: UUID, left: Sequence[Leaver]) -> dict[str, int]:
    ids = [UUID(leaver.staff_ref.removeprefix("staff:")) for leaver in left]
    found = Session.objects.filter(organisation_id=organisation_id, staff_id__in=ids)
    return {f"staff:{staff}": number for staff, number in found.values_list("staff_id").annotate(Count("pk"))}


def _tablets(organisation_id: UUID, left: Sequence[Leaver], now: datetime) -> dict[str, tuple[str, ...]]:
    values = {
        "organisation": organisation_id,
        "refs": [leaver.staff_ref for leaver in left],
        "left": [leaver.left_at for leaver in left],
        "back": TABLETS_LOOKED_BACK,
        "now": now,
    }
    return {actor: tuple(devices) for actor, devices in rows(_TABLETS, values)}


_KINDS = {
    "in_time": "Access ended in time",
    "late": "Access ended late",
    "open": "Still has access",
    "afterwards": "Something was done afterwards",
}


def _of_kind(found: Sequence[Seen], kind: str, now: datetime) -> list[Seen]:
    return [row for row in found if row.state(now)[0] == _KINDS[kind]]


def report(scope: Scope, span: Span, *, full: bool = False, now: datetime | None = None) -> Report:
    at = now or timezone.now()
    found = seen(scope, span.since, span.until, at)
    after = sum(row.afterwards for row in found)
    bad = [row for row in found if row.state(at)[1] is Mood.BAD]
    in_time = len(_of_kind(found, "in_time", at))
    answer = f"{in_time} of {counted(len(found), 'leaver')} lost their access within 24 hours." if found else (
        "Nobody was recorded as having left in these days. If somebody did, record it under People."
    )  # fmt: skip
    if after:
        answer += f" {counted(after, 'act')} after the access had ended: find out how."
    titles = {kind: _of_kind(found, kind, at) for kind in _KINDS}
    figures = [Figure("Left", len(found), figure_key(left="1") if found else "")]
    figures += [
        Figure(_KINDS[kind], len(some), figure_key(kind=kind) if some else "", _bad(kind != "in_time" and some))
        for kind, some in titles.items()
    ]
    figures.append(Figure("Acts afterwards", after, figure_key(after="1") if after else "", _bad(after)))
    tables = [_table(scope, found, at)]
    if after:
        acts = _afterwards(scope, found, at)
        tables.append(lines.table(scope, acts, key="afterwards", title="What was done afterwards"))
    return Report(
        answer=answer,
        mood=Mood.BAD if bad or after else Mood.GOOD if found else Mood.PLAIN,
        figures=tuple(figures),
        tables=tuple(tables),
        notes=(
            "These are accounts of this system. Close those in other systems too: mail, payroll, pharmacy portals.",
            "Tablets are those used in the 90 days before leaving: a PIN opens nothing there any more.",
        ),
    )


def _bad(found: object) -> Mood:
    return Mood.BAD if found else Mood.PLAIN


_COLUMNS = (
    Column("Name", 26),
    Column("Left", 26),
    Column("Access ended", 26),
    Column("Took", 16),
    Column("Acts afterwards", 10, number=True),
    Column("Open sessions", 10, number=True),
    Column("Tablets used", 30),
    Column("Result", 26),
)


def _table(scope: Scope, found: Sequence[Seen], now: datetime, title: str = "Who left") -> Table:
    names = Names.of(scope, [], {row.leaver.staff_ref for row in found})
    return Table("leavers", title, _COLUMNS, [_row(row, names, now) for row in found], "Nobody left in these days.")


def _row(row: Seen, names: Names, now: datetime) -> tuple[Cell, ...]:
    leaver = row.leaver
    result, mood = row.state(now)
    open_mood = Mood.BAD if row.sessions and leaver.access_ended_at and leaver.access_ended_at <= now else None
    return (
        words(names.who(leaver.staff_ref)),
        words(moment(leaver.left_at)),
        words(moment(leaver.access_ended_at) or "Not ended"),
        words(_hours(leaver.took)),
        amount(row.afterwards, figure_key(who=leaver.staff_ref), mood=Mood.BAD if row.afterwards else None),
        Cell(f"{row.sessions}", row.sessions, mood=open_mood),
        words(", ".join(sorted(names.device(ref) for ref in row.tablets)) or "None"),
        words(result, mood),
    )


def _hours(span: timedelta | None) -> str:
    if span is None:
        return "Not ended"
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _afterwards(scope: Scope, found: Sequence[Seen], now: datetime, who: str = "") -> list[Entry]:
    """Every act after the end of access, wherever it was: nothing of it may stay out of sight."""
    ended = {
        row.leaver.staff_ref: row.leaver.access_ended_at
        for row in found
        if row.afterwards and row.leaver.access_ended_at and who in ("", row.leaver.staff_ref)
    }
    if not ended:
        return []
    whole = Scope.whole(scope.organisation_id)
    acts = entries(
        whole, min(ended.values()), now, "e.actor = ANY(%(refs)s) AND e.action <> ALL(%(turned_away)s)",
        refs=list(ended), turned_away=_TURNED_AWAY,
    )  # fmt: skip
    return [entry for entry in acts if entry.at > ended[entry.actor]]


def behind(scope: Scope, span: Span, chosen: Selection, *, page: Page = ALL, now: datetime | None = None) -> Behind:
    """The leavers, or the acts, behind a figure. Raises BadSelection."""
    at = now or timezone.now()
    found = seen(scope, span.since, span.until, at)
    match list(chosen.items()):
        case [("left", "1")]:
            return _people(scope, found, at, "Who left", page)
        case [("kind", kind)] if kind in _KINDS:
            return _people(scope, _of_kind(found, kind, at), at, _KINDS[kind], page)
        case [("after", "1")]:
            return _acts(scope, _afterwards(scope, found, at), page)
        case [("who", who)]:
            return _acts(scope, _afterwards(scope, found, at, who), page)
    raise BadSelection(figure_key(**chosen))


def _people(scope: Scope, found: Sequence[Seen], now: datetime, title: str, page: Page) -> Behind:
    return Behind(title, len(found), len(found), _table(scope, found[page.of(found)], now, title))


def _acts(scope: Scope, acts: Sequence[Entry], page: Page) -> Behind:
    title = "What was done afterwards"
    return Behind(title, len(acts), len(acts), lines.table(scope, acts, key="behind", title=title, page=page))
