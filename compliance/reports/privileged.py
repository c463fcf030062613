"""Who used administrator rights, and for what, and did somebody else look at it each month?"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from django.utils import timezone

from access import queries as access_queries
from compliance.models import PrivilegedReview
from compliance.reports import lines, reviews
from compliance.reports.actions import GROUP_SQL, GROUP_TITLES, SELDOM_SQL
from compliance.reports.entries import Entry, Names, Scope, entries, timeline
from compliance.reports.reviews import Act, Review, Standing, State
from compliance.reports.roles import TITLES as ROLE_TITLES
from compliance.reports.spans import (
    Span,
    london_day,
    midnight,
    moment,
    month_after,
    month_before,
    month_name,
    month_span,
)
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

NAME = "privileged"
TITLE = "Privileged activity"
QUESTION = "Who used administrator rights, and for what?"
SHOWN = 30

_MOODS = {State.OVERDUE: Mood.BAD, State.WAITING: Mood.LOOK, State.REVIEWED: Mood.GOOD}


def acts(scope: Scope, since: datetime, until: datetime) -> list[Entry]:
    """The privileged acts in view, newest first, each with its group."""
    return entries(scope, since, until, f"{SELDOM_SQL} AND ({GROUP_SQL}) IS NOT NULL", group=GROUP_SQL)


def month_of(entry: Entry) -> date:
    return london_day(entry.at).replace(day=1)


def standings(scope: Scope, found: Sequence[Entry], months: Sequence[date], now: datetime) -> dict[date, Standing]:
    """How each month stands for those acts that are in view. found: all acts of the organisation in these whole months,
    for a review is held against what the reviewer saw, not against what this reader sees. One query."""
    of_month: dict[date, list[Act]] = {month: [] for month in months}
    for entry in found:
        if (month := month_of(entry)) in of_month:
            of_month[month].append(Act(entry.actor, entry.home))
    given: dict[date, list[Review]] = {}
    for row in PrivilegedReview.objects.filter(organisation_id=scope.organisation_id, month__in=months).order_by(
        "reviewed_at"
    ):
        review = Review(row.ref, row.reviewed_by, row.reviewed_at, frozenset(row.care_homes), row.acts)
        given.setdefault(row.month, []).append(review)
    return {
        month: reviews.standing(
            of_month[month],
            given.get(month, []),
            homes=set(scope.homes),
            ended_at=midnight(month_after(month)),
            now=now,
        )
        for month in months
    }


def report(scope: Scope, span: Span, *, full: bool = False, now: datetime | None = None) -> Report:
    at = now or timezone.now()
    months = list(span.months())
    whole = acts(Scope.whole(scope.organisation_id), midnight(months[0]), midnight(month_after(months[-1])))
    found = [entry for entry in whole if scope.sees(entry.home) and span.since <= entry.at < span.until]
    states = standings(scope, whole, months, at)
    overdue = [month for month, row in states.items() if row.state is State.OVERDUE]
    waiting = [month for month, row in states.items() if row.state is State.WAITING]
    people = len({entry.actor for entry in found})
    answer = (
        f"{counted(_times(found), 'act')} by {counted(people, 'person or command', 'people and commands')}."
        if found
        else "Nobody used administrator rights in these days."
    )
    if overdue:
        answer += f" The review of {', '.join(map(month_name, overdue))} is overdue."
    elif waiting:
        answer += f" {', '.join(map(month_name, waiting))} waits for a review."
    return Report(
        answer=answer,
        mood=Mood.BAD if overdue else Mood.LOOK if waiting else Mood.PLAIN,
        figures=(
            Figure("Acts", _times(found), figure_key(all="1") if found else ""),
            *(
                Figure(title, number, figure_key(group=group) if number else "")
                for group, title in GROUP_TITLES.items()
                if (number := _times([entry for entry in found if entry.group == group]))
            ),
        ),
        tables=(
            _months(scope, states),
            _people(scope, found),
            lines.table(
                scope, found, key="acts", title="Every act", page=ALL if full else Page(0, SHOWN),
                figure=figure_key(all="1"),
            ),
        ),
        notes=(
            "Counted are roles, shifts and leavers, accounts, tablets and tokens, key work, backups asked for and "
            "restores, erasures, exports, and changes to homes and rights, by people and by the system's commands.",
            f"A month has to be looked at within {reviews.WITHIN.days} days of its end, by somebody else than who "
            "acted: nobody reviews their own acts.",
        ),
    )  # fmt: skip


def _times(found: Sequence[Entry]) -> int:
    return sum(entry.times for entry in found)


def _months(scope: Scope, states: dict[date, Standing]) -> Table:
    people = {review.by for row in states.values() for review in row.reviews}
    names = access_queries.staff_names(scope.organisation_id, people)
    body = []
    for month in sorted(states, reverse=True):
        row = states[month]
        looked = "; ".join(f"{names.get(r.by, 'The system')}, {moment(r.at)}" for r in row.reviews)
        remark = f"{counted(row.open, 'act')} nobody else has looked at." if row.open and row.reviews else ""
        if row.changed:
            remark += " The number of acts has changed since a review."
        body.append(
            (
                words(month_name(month)),
                amount(row.acts, figure_key(month=f"{month:%Y-%m}")),
                words(reviews.TITLES[row.state], _MOODS.get(row.state)),
                words(f"{looked}. {remark}".strip() if looked else "Nobody yet" if row.acts else ""),
            )
        )
    columns = (Column("Month", 18), Column("Acts", 8, number=True), Column("Review", 20), Column("Looked at by", 50))
    note = "Whole months, also where the period cuts one."
    return Table("reviews", "Reviews by month", columns, body, lines.NOTHING, note=note)


def _people(scope: Scope, found: Sequence[Entry]) -> Table:
    names, held = Names.of(scope, found), timeline(scope.organisation_id)
    counts: dict[str, Counter[str]] = {}
    roles: dict[str, set[str]] = {}
    for entry in found:
        counts.setdefault(entry.actor, Counter())[entry.group] += entry.times
        roles.setdefault(entry.actor, set()).add(ROLE_TITLES[held.role_at(entry.actor, entry.home, entry.at)])
    body = [
        (
            words(names.who(actor)),
            words(", ".join(sorted(roles[actor]))),
            *(amount(row[group], figure_key(who=actor, group=group)) for group in GROUP_TITLES),
            amount(row.total(), figure_key(who=actor)),
        )
        for actor, row in sorted(counts.items(), key=lambda item: (-item[1].total(), item[0]))
    ]
    columns = (
        Column("Who", 26),
        Column("Role at the time", 24),
        *(Column(title, 14, number=True) for title in GROUP_TITLES.values()),
        Column("All", 8, number=True),
    )
    return Table("people", "By person and command", columns, body, "Nobody used administrator rights in these days.")


def behind(scope: Scope, span: Span, chosen: Selection, *, page: Page = ALL, now: datetime | None = None) -> Behind:
    """The acts behind a figure; of a month, the whole month. Raises BadSelection."""
    if not chosen or set(chosen) - {"all", "group", "who", "month"}:
        raise BadSelection(figure_key(**chosen))
    if "group" in chosen and chosen["group"] not in GROUP_TITLES:
        raise BadSelection(figure_key(**chosen))
    since, until, title = span.since, span.until, "Every act"
    if "month" in chosen:
        whole = _whole_month(chosen["month"])
        since, until, title = whole.since, whole.until, whole.title
    found = acts(scope, since, until)
    if "group" in chosen:
        found = [entry for entry in found if entry.group == chosen["group"]]
        title = GROUP_TITLES[chosen["group"]]  # type: ignore[index]
    if "who" in chosen:
        found = [entry for entry in found if entry.actor == chosen["who"]]
        title += f", by {Names.of(scope, [], [chosen['who']]).who(chosen['who'])}"
    return lines.behind(scope, found, title, page)


def _whole_month(text: str) -> Span:
    try:
        return month_span(date.fromisoformat(f"{text}-01"))
    except ValueError:
        raise BadSelection(text) from None


def month_standing(scope: Scope, month: date, now: datetime) -> Standing:
    """How one month stands for the acts in view."""
    whole = acts(Scope.whole(scope.organisation_id), midnight(month), midnight(month_after(month)))
    return standings(scope, whole, [month], now)[month]


def waiting(scope: Scope, now: datetime) -> dict[date, Standing]:
    """How each of the twelve months before this one stands, oldest first."""
    months = [month_before(london_day(now))]
    while len(months) < 12:
        months.insert(0, month_before(months[0]))
    whole = acts(Scope.whole(scope.organisation_id), midnight(months[0]), midnight(month_after(months[-1])))
    return standings(scope, whole, months, now)


def history(organisation_id: UUID, month: date) -> list[PrivilegedReview]:
    """Every review of a month, newest first."""
    return list(
        PrivilegedReview.objects.filter(organisation_id=organisation_id, month=month).order_by("-reviewed_at", "-id")
    )
