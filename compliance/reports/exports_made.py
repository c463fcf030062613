"""What left the house, or came into it, through whose hands and why?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from compliance.models import Pack
from compliance.reports.actions import EXPORT, SELDOM_SQL, say
from compliance.reports.entries import Entry, Names, Scope, details, entries
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

NAME = "exports"
TITLE = "Exports, prints and imports"
QUESTION = "What left the system or came into it, through whose hands, and why?"
NONE = "Nothing was exported, printed, downloaded or imported in these days."
SHOWN = 30
REASON = "Reason given"

_HOW_MANY = ("rows", "entries", "residents", "count", "number")


def made(scope: Scope, since: datetime, until: datetime) -> list[Entry]:
    return entries(scope, since, until, f"{SELDOM_SQL} AND e.action ~ '{EXPORT}'")


def report(scope: Scope, span: Span, *, full: bool = False, now: datetime | None = None) -> Report:
    found = made(scope, span.since, span.until)
    times = sum(entry.times for entry in found)
    people = len({entry.actor for entry in found})
    answer = f"{counted(times, 'time')}, by {counted(people, 'person or command', 'people and commands')}."
    return Report(
        answer=answer if found else NONE,
        mood=Mood.PLAIN,
        figures=(Figure("All", times, figure_key(all="1") if found else ""),),
        tables=(
            _counts("kinds", "By kind", "What", found, lambda e: e.action, "what", say),
            _counts("people", "By person", "Who", found, lambda e: e.actor, "who", Names.of(scope, found).who),
            _table(scope, found, "Every one", ALL if full else Page(0, SHOWN)),
        ),
        notes=(
            "A reason is shown where one was given. What is printed from the browser's own menu cannot be seen here.",
            "How many is what the file held: rows, entries or residents.",
        ),
    )


def _counts(key: str, title: str, heading: str, found: Sequence[Entry], of: Any, name: str, called: Any) -> Table:
    totals = Counter[str]()
    for entry in found:
        totals[of(entry)] += entry.times
    body = [(words(called(what)), amount(n, figure_key(**{name: what}))) for what, n in totals.most_common()]
    return Table(key, title, (Column(heading, 40), Column("Times", 10, number=True)), body, NONE)


_COLUMNS = (
    Column("When", 24), Column("Who", 24), Column("What", 30), Column("How many", 12), Column(REASON, 40),
    Column("Home", 20), Column("Times", 8, number=True),
)  # fmt: skip


def _table(scope: Scope, found: Sequence[Entry], title: str, page: Page, key: str = "all") -> Table:
    shown = found[page.of(found)]
    names, told = Names.of(scope, shown), details(scope.organisation_id, shown)
    reasons = _pack_reasons(scope.organisation_id, shown)
    body = [_row(scope, entry, names, told.get(entry.id, {}), reasons) for entry in shown]
    return Table(key, title, _COLUMNS, body, NONE, total=len(found), figure=figure_key(all="1"))


def _row(
    scope: Scope, entry: Entry, names: Names, told: Mapping[str, Any], reasons: Mapping[str, str]
) -> tuple[Cell, ...]:
    report = f": {told['report']}" if "report" in told else ""
    return (
        words(moment(entry.at)),
        words(names.who(entry.actor)),
        words(f"{say(entry.action)}{report}"),
        words(_how_many(entry, told)),
        words(str(told.get("reason") or reasons.get(entry.subject) or "None given")),
        words(scope.home_name(entry.home)),
        amount(entry.times),
    )


def _how_many(entry: Entry, told: Mapping[str, Any]) -> str:
    for name in _HOW_MANY:
        if isinstance(value := told.get(name), int) and not isinstance(value, bool):
            return f"{value:,}"
    return f"{entry.residents:,}" if entry.residents else "Not recorded"


def _pack_reasons(organisation_id: UUID, found: Sequence[Entry]) -> dict[str, str]:
    """Why each evidence pack was asked for: said once, when it was asked for."""
    ids = [ref.removeprefix("evidence_pack:") for ref in {e.subject for e in found} if ref.startswith("evidence_pack:")]
    return {row.ref: row.reason for row in Pack.objects.filter(organisation_id=organisation_id, pk__in=ids)}


def behind(scope: Scope, span: Span, chosen: Selection, *, page: Page = ALL, now: datetime | None = None) -> Behind:
    """Raises BadSelection."""
    found = made(scope, span.since, span.until)
    match list(chosen.items()):
        case [("all", "1")]:
            some, title = found, "Every one"
        case [("what", action)]:
            some, title = [entry for entry in found if entry.action == action], say(action)
        case [("who", who)]:
            some = [entry for entry in found if entry.actor == who]
            title = Names.of(scope, some).who(who) if some else "Nobody"
        case _:
            raise BadSelection(figure_key(**chosen))
    total = sum(entry.times for entry in some)
    return Behind(title, total, len(some), _table(scope, some, title, page, "behind"))
