"""Who opened records in an emergency beyond their rights, and was each time looked at?

This version has no break-glass: access has no such act, so nothing can be recorded. The report says so instead of
showing a nought that looks like good news. Once access has the acts, the same report lists them.
"""

from datetime import datetime

from access.events import AccessEvent
from compliance.reports import lines
from compliance.reports.actions import BREAK_GLASS, SELDOM_SQL
from compliance.reports.entries import Entry, Scope, entries
from compliance.reports.spans import Span
from compliance.reports.tables import (
    ALL,
    BadSelection,
    Behind,
    Figure,
    Mood,
    Page,
    Report,
    Selection,
    counted,
    figure_key,
)

NAME = "break-glass"
TITLE = "Break-glass"
QUESTION = "Who opened records in an emergency beyond their rights?"
NOT_AVAILABLE = "Break-glass is not available in this version, so nothing can be recorded."


def available() -> bool:
    return any(event.value.startswith(BREAK_GLASS) for event in AccessEvent)


def used(scope: Scope, since: datetime, until: datetime) -> list[Entry]:
    return entries(scope, since, until, f"{SELDOM_SQL} AND starts_with(e.action, %(prefix)s)", prefix=BREAK_GLASS)


def report(scope: Scope, span: Span, *, full: bool = False, now: datetime | None = None) -> Report:
    found = used(scope, span.since, span.until)
    if not available() and not found:
        return Report(answer=NOT_AVAILABLE, mood=Mood.PLAIN)
    times = sum(entry.times for entry in found)
    return Report(
        answer=f"{counted(times, 'act')} of break-glass." if found else "Nobody used break-glass in these days.",
        mood=Mood.LOOK if found else Mood.PLAIN,
        figures=(Figure("Acts of break-glass", times, figure_key(all="1") if found else ""),),
        tables=(lines.table(scope, found, key="acts", title="Every act"),),
    )


def behind(scope: Scope, span: Span, chosen: Selection, *, page: Page = ALL, now: datetime | None = None) -> Behind:
    """Raises BadSelection."""
    if dict(chosen) != {"all": "1"}:
        raise BadSelection(figure_key(**chosen))
    return lines.behind(scope, used(scope, span.since, span.until), "Every act of break-glass", page)
