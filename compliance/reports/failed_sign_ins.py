"""Is somebody trying to get in who should not?"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from access.events import AccessEvent
from compliance.reports import lines
from compliance.reports.actions import FAILED, LOCKED_OUT, SELDOM_SQL, SIGNED_IN
from compliance.reports.entries import WITHIN, Entry, Names, Scope, entries, rows
from compliance.reports.spans import LONDON, Span, moment
from compliance.reports.tables import (
    ALL,
    BadSelection,
    Behind,
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

NAME = "sign-ins"
TITLE = "Failed sign-ins"
QUESTION = "Did somebody try to get in who should not?"
MANY, SHORTLY = 5, timedelta(hours=1)
UNKNOWN, NO_TABLET = "unknown", "none"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NONE_FAILED = "No sign-in and no unlocking failed in these days."


@dataclass(frozen=True, slots=True)
class AfterMany:
    """A sign-in that worked shortly after many that did not."""

    entry: Entry
    failures: int
    first_at: datetime


def account_of(entry: Entry) -> str:
    """Whose account it was about; `unknown` where the entry does not say, or there is no such account."""
    return next((ref for ref in (entry.subject, entry.actor) if ref.startswith("staff:")), UNKNOWN)


def tries(scope: Scope, since: datetime, until: datetime) -> list[Entry]:
    """Sign-ins and unlockings that failed, lock-outs, and what worked for accounts and on tablets that failed often;
    newest first. Two queries at most."""
    known = [*FAILED, *LOCKED_OUT]
    found = entries(scope, since, until, f"{SELDOM_SQL} AND e.action = ANY(%(actions)s)", actions=known)
    trails = Counter(_trail(entry) for entry in found if entry.action in FAILED)
    suspects = [trail for trail, number in trails.items() if trail and number >= MANY]
    if not suspects:
        return found
    worked = entries(
        scope, since, until,
        "e.action = ANY(%(actions)s) AND (e.actor = ANY(%(suspects)s) OR 'tablet ' || e.device = ANY(%(suspects)s))",
        actions=list(SIGNED_IN), suspects=suspects,
    )  # fmt: skip
    return sorted([*found, *worked], key=lambda entry: (entry.at, entry.id), reverse=True)


def anybody_signed_in(scope: Scope, since: datetime, until: datetime) -> bool:
    sql = f"SELECT EXISTS (SELECT FROM audit_event e WHERE {WITHIN} AND e.action = ANY(%(actions)s))"  # noqa: S608
    return bool(rows(sql, scope.values(since, until, actions=list(SIGNED_IN)))[0][0])


def successes_after_many(found: Sequence[Entry]) -> list[AfterMany]:
    """Sign-ins that worked within an hour of five or more failures of the same account, or on the same tablet where the
    failures name none. A success clears the count. found: newest first; gives oldest first."""
    recent: dict[str, deque[datetime]] = {}
    seen = []
    for entry in reversed(found):
        if entry.action in FAILED:
            if key := _trail(entry):
                recent.setdefault(key, deque()).append(entry.at)
        elif entry.action in SIGNED_IN:
            keys = [account_of(entry), *([f"tablet {entry.device}"] if entry.device else [])]
            before = sorted(at for key in keys for at in recent.pop(key, ()) if at >= entry.at - SHORTLY)
            if len(before) >= MANY:
                seen.append(AfterMany(entry, len(before), before[0]))
    return seen


def _trail(entry: Entry) -> str:
    account = account_of(entry)
    if account != UNKNOWN:
        return account
    return f"tablet {entry.device}" if entry.device else ""


def report(scope: Scope, span: Span, *, full: bool = False, now: datetime | None = None) -> Report:
    failed, paused, after = _read(scope, span)
    answer = f"{counted(_times(failed), 'try', 'tries')} failed." if failed else NONE_FAILED
    if after:
        answer += f" {counted(len(after), 'sign-in')} worked shortly after {MANY} or more failures: ask the person."
    return Report(
        answer=answer,
        mood=Mood.BAD if after else Mood.PLAIN,
        figures=(
            Figure("Failed", _times(failed), figure_key(failed="1") if failed else ""),
            Figure("Paused after too many tries", _times(paused), figure_key(paused="1") if paused else ""),
            Figure("Worked after many failures", len(after), figure_key(after="1") if after else "", _bad(after)),
        ),
        tables=(
            _after_table(scope, after),
            _counts(scope, failed, "accounts", "By account", "Account", account_of, "account"),
            _counts(scope, failed, "tablets", "By tablet", "Tablet", lambda e: e.device or NO_TABLET, "tablet"),
            _heat(failed),
            *([lines.table(scope, failed, key="failed", title="Every failed try")] if full else []),
        ),
        notes=_notes(),
    )  # fmt: skip


def _bad(found: Sequence[object]) -> Mood:
    return Mood.BAD if found else Mood.PLAIN


def _notes() -> tuple[str, ...]:
    named = "A failed sign-in names an account only where the audit log does: otherwise it says unknown account."
    heard = any(event.value in LOCKED_OUT for event in AccessEvent)
    paused = "An account is paused after too many tries; " + (
        "each refused try is counted."
        if heard
        else "in this version the pause itself is not recorded, its failures are."
    )
    return (named, paused, "Addresses are not kept: a home shares one.")


def _read(scope: Scope, span: Span) -> tuple[list[Entry], list[Entry], list[AfterMany]]:
    """Failures and pauses of the period, and successes of the period with what came before it."""
    found = tries(scope, span.since - SHORTLY, span.until)
    within = [entry for entry in found if entry.at >= span.since]
    return (
        [entry for entry in within if entry.action in FAILED],
        [entry for entry in within if entry.action in LOCKED_OUT],
        [row for row in successes_after_many(found) if row.entry.at >= span.since],
    )


def _times(found: Sequence[Entry]) -> int:
    return sum(entry.times for entry in found)


def _counts(
    scope: Scope, failed: Sequence[Entry], key: str, title: str, heading: str, of: Callable[[Entry], str], name: str
) -> Table:
    names = Names.of(scope, failed)
    totals, last = Counter[str](), dict[str, datetime]()
    for entry in failed:
        totals[of(entry)] += entry.times
        last.setdefault(of(entry), entry.at)
    called = {UNKNOWN: "Unknown account", NO_TABLET: "No tablet: office computer or stranger"}
    body = [
        (
            words(called.get(who) or (names.who(who) if name == "account" else names.device(who))),
            amount(number, figure_key(**{name: who})),
            words(moment(last[who])),
        )
        for who, number in totals.most_common()
    ]
    columns = (Column(heading, 34), Column("Failed", 10, number=True), Column("Last", 26))
    return Table(key, title, columns, body, NONE_FAILED)


def _after_table(scope: Scope, after: Sequence[AfterMany]) -> Table:
    names = Names.of(scope, [row.entry for row in after])
    body = [
        (
            words(names.who(row.entry.actor), Mood.BAD),
            words(moment(row.entry.at)),
            amount(row.failures),
            words(moment(row.first_at)),
            words(names.device(row.entry.device)),
        )
        for row in after
    ]
    columns = (
        Column("Who", 26), Column("Worked", 26), Column("Failures before", 12, number=True),
        Column("First failure", 26), Column("Tablet", 20),
    )  # fmt: skip
    empty = f"No sign-in worked within an hour of {MANY} failures."
    return Table("after", "Worked after many failures", columns, body, empty)


def place(entry: Entry) -> tuple[int, int]:
    """(hour, weekday) in London; in the hour that the clocks show twice, both count as that hour."""
    local = entry.at.astimezone(LONDON)
    return local.hour, local.weekday()


def _heat(failed: Sequence[Entry]) -> Table:
    totals = Counter[tuple[int, int]]()
    for entry in failed:
        totals[place(entry)] += entry.times
    most = max(totals.values(), default=0)
    body = [
        (
            words(f"{hour:02d}:00"),
            *(
                amount(number, figure_key(hour=str(hour), day=str(day)), heat=_level(number, most))
                for day in range(7)
                for number in [totals[hour, day]]
            ),
        )
        for hour in range(24)
        if most
    ]  # fmt: skip
    columns = (Column("Hour", 8), *(Column(day[:3], 8, number=True) for day in DAYS))
    return Table("hours", "By hour and day of the week", columns, body, NONE_FAILED, heat=True)


def _level(number: int, most: int) -> int:
    return -(-4 * number // most) if number else 0


def behind(scope: Scope, span: Span, chosen: Selection, *, page: Page = ALL, now: datetime | None = None) -> Behind:
    """Raises BadSelection."""
    failed, paused, after = _read(scope, span)
    match sorted(chosen.items()):
        case [("failed", "1")]:
            return lines.behind(scope, failed, "Every failed try", page)
        case [("paused", "1")]:
            return lines.behind(scope, paused, "Paused after too many tries", page)
        case [("after", "1")]:
            table = _after_table(scope, after[page.of(after)])
            return Behind("Worked after many failures", len(after), len(after), table)
        case [("account", account)]:
            return lines.behind(scope, [e for e in failed if account_of(e) == account], "Failed, one account", page)
        case [("tablet", tablet)]:
            some = [entry for entry in failed if (entry.device or NO_TABLET) == tablet]
            return lines.behind(scope, some, "Failed, one tablet", page)
        case [("day", day), ("hour", hour)] if day in "0123456" and hour.isdecimal() and int(hour) < 24:
            some = [entry for entry in failed if place(entry) == (int(hour), int(day))]
            return lines.behind(scope, some, f"Failed, {DAYS[int(day)]}s from {int(hour):02d}:00", page)
    raise BadSelection(figure_key(**chosen))
