"""The time a report speaks of: whole London days, from the first to the last.

A month, a quarter, a DSPT year (1 July to 30 June) or somebody's own days. Midnight in London is never skipped or
doubled, for the clocks change at one in the morning, so a day has one beginning and a period has no gap.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
LONGEST = timedelta(days=366)
MONTHS_OFFERED, QUARTERS_OFFERED, YEARS_OFFERED = 13, 5, 3

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_QUARTER = re.compile(r"([0-9]{4})-q([1-4])")
_YEAR = re.compile(r"dspt-([0-9]{4})-([0-9]{2})")


class BadSpan(ValueError):
    """The days do not make a period; the message says what to choose."""


@dataclass(frozen=True, slots=True)
class Span:
    """first and last are London days, both included. key: how it stands in an address; empty for own days."""

    first: date
    last: date
    title: str
    key: str = ""

    @property
    def since(self) -> datetime:
        return midnight(self.first)

    @property
    def until(self) -> datetime:
        """The end, not included: the midnight after the last day."""
        return midnight(self.last + timedelta(days=1))

    @property
    def query(self) -> dict[str, str]:
        if self.key:
            return {"period": self.key}
        return {"period": "own", "from": self.first.isoformat(), "to": self.last.isoformat()}

    def months(self) -> Iterator[date]:
        """The first days of the months it touches."""
        month = self.first.replace(day=1)
        while month <= self.last:
            yield month
            month = month_after(month)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=LONDON)


def london_day(at: datetime) -> date:
    return at.astimezone(LONDON).date()


def month_after(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def month_before(month: date) -> date:
    return (month.replace(day=1) - timedelta(days=1)).replace(day=1)


def month_name(month: date) -> str:
    return f"{month:%B %Y}"


def day_name(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def moment(at: datetime | None) -> str:
    """12 May 2026 at 14:05; with GMT or BST in the hour that the clocks show twice."""
    if at is None:
        return ""
    local = at.astimezone(LONDON)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{day_name(local.date())} at {local:%H:%M}" + (f" {local:%Z}" if twice else "")


def month_span(month: date) -> Span:
    first = month.replace(day=1)
    return Span(first, month_after(first) - timedelta(days=1), month_name(first), f"{first:%Y-%m}")


def quarter_span(year: int, quarter: int) -> Span:
    first = date(year, 3 * quarter - 2, 1)
    last = month_after(date(year, 3 * quarter, 1)) - timedelta(days=1)
    return Span(first, last, f"{first:%B} to {last:%B %Y}", f"{year}-q{quarter}")


def dspt_year(starts: int) -> Span:
    """The toolkit's year: 1 July to 30 June."""
    key = f"{starts}-{(starts + 1) % 100:02d}"
    return Span(date(starts, 7, 1), date(starts + 1, 6, 30), f"DSPT year {key}", f"dspt-{key}")


def dspt_year_of(day: date) -> Span:
    return dspt_year(day.year if day.month >= 7 else day.year - 1)


def own_days(first: date, last: date) -> Span:
    """Raises BadSpan."""
    if last < first:
        raise BadSpan("The last day is before the first. Change one of them.")
    if last - first >= LONGEST:
        raise BadSpan("Choose at most a year. For longer, make one report for each year.")
    title = day_name(first) if first == last else f"{day_name(first)} to {day_name(last)}"
    return Span(first, last, title)


def chosen(query: Mapping[str, str], today: date) -> Span:
    """The period that an address names; this month if it names none. Raises BadSpan."""
    key = query.get("period", "")
    if key == "own":
        return own_days(_day(query.get("from", ""), "first"), _day(query.get("to", ""), "last"))
    if not key:
        return month_span(today)
    try:
        if found := _MONTH.fullmatch(key):
            return month_span(date(int(found[1]), int(found[2]), 1))
        if found := _QUARTER.fullmatch(key):
            return quarter_span(int(found[1]), int(found[2]))
        if (found := _YEAR.fullmatch(key)) and (int(found[1]) + 1) % 100 == int(found[2]):
            return dspt_year(int(found[1]))
    except (ValueError, OverflowError):
        pass
    raise BadSpan("There is no such period. Choose one from the list.")


def _day(text: str, which: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadSpan(f"Enter the {which} day, such as 2026-06-30.") from None
    if not 2000 <= day.year <= 2100:
        raise BadSpan(f"Enter a {which} day of this century.")
    return day


def offered(today: date) -> list[tuple[str, list[Span]]]:
    """What the chooser shows, newest first: months, quarters, DSPT years."""
    months, month = [], today.replace(day=1)
    for _ in range(MONTHS_OFFERED):
        months.append(month_span(month))
        month = month_before(month)
    quarters, year, quarter = [], today.year, (today.month + 2) // 3
    for _ in range(QUARTERS_OFFERED):
        quarters.append(quarter_span(year, quarter))
        year, quarter = (year, quarter - 1) if quarter > 1 else (year - 1, 4)
    newest = dspt_year_of(today).first.year
    years = [dspt_year(newest - back) for back in range(YEARS_OFFERED)]
    return [("Months", months), ("Quarters", quarters), ("DSPT years", years)]
