"""Who used the records, by role, home and month?

Counted in the database over pieces of time in which nobody's role changed, so each entry counts under the role that
the person held when it happened, however often roles changed within the month.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from compliance.reports import lines
from compliance.reports.actions import WHAT_SQL, WHATS
from compliance.reports.entries import COLUMNS, HOME, TIMES, WHO, WITHIN, Entry, Scope, rows, timeline
from compliance.reports.roles import NO_ROLE, ORDER, TITLES, slices
from compliance.reports.spans import Span, london_day, midnight, month_name
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

NAME = "access"
TITLE = "Access by role and month"
QUESTION = "Which roles opened, changed and exported records, in which home and month?"

_COUNT = f"""
SELECT {WHO} AS who, {HOME} AS home, width_bucket(e.at, %(starts)s::timestamptz[]) AS slice, {WHAT_SQL} AS what,
       sum({TIMES})
  FROM audit_event e WHERE {WITHIN} GROUP BY 1, 2, 3, 4
"""  # noqa: S608  # our own words only
_PIECES = """unnest(%(actors)s::text[], %(at_homes)s::uuid[], %(froms)s::timestamptz[], %(tos)s::timestamptz[])
    AS p(actor, home, since, until)"""
_LISTED = f"""
  FROM audit_event e JOIN {_PIECES}
    ON {WHO} = p.actor AND {HOME} IS NOT DISTINCT FROM p.home AND e.at >= p.since AND e.at < p.until
 WHERE {WITHIN} AND {WHAT_SQL} = ANY(%(whats)s)
"""


@dataclass(frozen=True, slots=True)
class Used:
    """How often one person did one kind of thing in one home within one piece of time."""

    actor: str
    home: UUID | None
    since: datetime
    until: datetime
    role: str
    what: str
    times: int

    @property
    def month(self) -> date:
        return london_day(self.since).replace(day=1)


def used(scope: Scope, span: Span) -> list[Used]:
    """Three queries."""
    held = timeline(scope.organisation_id)
    cuts = [midnight(month) for month in span.months()] + held.instants(span.since, span.until)
    starts = slices(span.since, span.until, cuts)
    ends = [*starts[1:], span.until]
    counts = rows(_COUNT, scope.values(span.since, span.until, starts=starts))
    return [
        Used(actor, home, starts[at - 1], ends[at - 1], held.role_at(actor, home, starts[at - 1]), what, int(times))
        for actor, home, at, what, times in counts
    ]


def report(scope: Scope, span: Span, *, full: bool = False, now: datetime | None = None) -> Report:
    found = used(scope, span)
    by_what = Counter[str]()
    for row in found:
        by_what[row.what] += row.times
    without = sum(row.times for row in found if row.role == NO_ROLE)
    total = sum(by_what.values())
    answer = (
        f"{counted(by_what['views'], 'view')}, {counted(by_what['changes'], 'change')}, "
        f"{counted(by_what['exports'], 'export')} and {counted(by_what['refusals'], 'refusal')}."
        if total
        else "Nothing is in the audit log for these days."
    )
    if without:
        answer += f" {counted(without, 'act')} by people who held no role there at the time: look at them."
    figures = tuple(
        Figure(title, by_what[what], figure_key(what=what) if by_what[what] else "") for what, title in WHATS.items()
    )
    if without:
        figures = (*figures, Figure(TITLES[NO_ROLE], without, figure_key(role=NO_ROLE), Mood.BAD))
    return Report(
        answer=answer,
        mood=Mood.BAD if without else Mood.PLAIN,
        figures=figures,
        tables=(_by_role(found), _by_month(scope, found)),
        notes=(
            "Each entry counts once, under the role the person held in that home when it happened. Somebody with two "
            "roles in one home counts under the first of: registered manager, administrator, nurse, senior carer, "
            "carer, agency carer, activities, kitchen, inspector.",
            "A record opened several times within a minute on one page is one entry with a count; the count is used.",
            "Pages opened within the last minute or so are added when they are closed.",
        ),
    )


_NUMBERS = (*(Column(title, 12, number=True) for title in WHATS.values()), Column("All", 12, number=True))


def _by_role(found: list[Used]) -> Table:
    totals = _totals(found, lambda row: (row.role,))
    body = [
        (words(TITLES[role], _mood(role)), *_cells(totals[(role,)], role=role)) for role in ORDER if (role,) in totals
    ]
    return Table("roles", "By role", (Column("Role", 26), *_NUMBERS), body, lines.NOTHING)


def _by_month(scope: Scope, found: list[Used]) -> Table:
    totals = _totals(found, lambda row: (row.month, row.home, row.role))
    names = [*scope.homes, None]
    order = sorted(totals, key=lambda key: (-key[0].toordinal(), names.index(key[1]), ORDER.index(key[2])))
    body = [
        (
            words(month_name(month)),
            words(scope.home_name(home)),
            words(TITLES[role], _mood(role)),
            *_cells(totals[month, home, role], role=role, month=f"{month:%Y-%m}", home=_home_key(home)),
        )
        for month, home, role in order
    ]
    columns = (Column("Month", 18), Column("Home", 22), Column("Role", 22), *_NUMBERS)
    return Table("months", "By month, home and role", columns, body, lines.NOTHING)


def _totals(found: Iterable[Used], key: Any) -> dict[Any, Counter[str]]:
    totals: dict[Any, Counter[str]] = {}
    for row in found:
        totals.setdefault(key(row), Counter())[row.what] += row.times
    return totals


def _cells(totals: Counter[str], **chosen: str) -> list[Cell]:
    cells = [amount(totals[what], figure_key(what=what, **chosen)) for what in WHATS]
    return [*cells, amount(sum(totals.values()), figure_key(**chosen))]


def _mood(role: str) -> Mood | None:
    return Mood.BAD if role == NO_ROLE else None


def _home_key(home: UUID | None) -> str:
    return str(home) if home else "none"


def behind(scope: Scope, span: Span, chosen: Selection, *, page: Page = ALL, now: datetime | None = None) -> Behind:
    """The entries behind a figure. Raises BadSelection."""
    wanted = _wanted(scope, chosen)
    pieces = [row for row in used(scope, span) if all(test(row) for test in wanted)]
    title = _title(scope, chosen)
    values = scope.values(
        span.since,
        span.until,
        actors=[row.actor for row in pieces],
        at_homes=[row.home for row in pieces],
        froms=[row.since for row in pieces],
        tos=[row.until for row in pieces],
        whats=[chosen["what"]] if "what" in chosen else list(WHATS),
        limit=page.limit,
        offset=page.offset,
    )
    # A piece stands once for each kind of thing done in it; each entry is to be listed once.
    values |= _once(values)
    number, times = rows(f"SELECT count(*), coalesce(sum({TIMES}), 0) {_LISTED}", values)[0]
    listed = rows(f"SELECT {COLUMNS} {_LISTED} ORDER BY e.at DESC, e.id DESC LIMIT %(limit)s OFFSET %(offset)s", values)
    table = Table("behind", title, lines.COLUMNS, lines.lines(scope, [Entry(*row) for row in listed]), lines.NOTHING)
    return Behind(title, int(times), number, table)


def _once(values: dict[str, Any]) -> dict[str, Any]:
    names = ("actors", "at_homes", "froms", "tos")
    pieces = dict.fromkeys(zip(*(values[name] for name in names), strict=True))
    return {name: [piece[at] for piece in pieces] for at, name in enumerate(names)}


def _wanted(scope: Scope, chosen: Selection) -> list[Any]:
    known: dict[str, Any] = {
        "what": lambda row: row.what == chosen["what"],
        "role": lambda row: row.role == chosen["role"],
        "month": lambda row: f"{row.month:%Y-%m}" == chosen["month"],
        "home": lambda row: _home_key(row.home) == chosen["home"],
    }
    if set(chosen) - set(known) or chosen.get("what", "views") not in WHATS or chosen.get("role", NO_ROLE) not in ORDER:
        raise BadSelection(figure_key(**chosen))
    if chosen.get("home", "none") not in {"none", *map(str, scope.homes)}:
        raise BadSelection(figure_key(**chosen))
    return [known[name] for name in chosen]


def _title(scope: Scope, chosen: Selection) -> str:
    parts = [WHATS[chosen["what"]] if "what" in chosen else "Everything"]
    if "role" in chosen:
        parts.append(TITLES[chosen["role"]].lower())
    if chosen.get("home"):
        parts.append(scope.home_name(None if chosen["home"] == "none" else UUID(chosen["home"])))
    if "month" in chosen:
        try:
            parts.append(month_name(date.fromisoformat(f"{chosen['month']}-01")))
        except ValueError:
            raise BadSelection(chosen["month"]) from None
    return ", ".join(parts)
