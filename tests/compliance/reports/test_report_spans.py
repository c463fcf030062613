"""Periods: whole London days, through both changes of the clocks, the leap day and the ends of months and years."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from compliance.reports import spans
from compliance.reports.spans import BadSpan, chosen, moment

TODAY = date(2026, 11, 23)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "since", "until"),
    [
        ("2026-01", utc(2026, 1, 1), utc(2026, 2, 1)),
        ("2026-07", utc(2026, 6, 30, 23), utc(2026, 7, 31, 23)),
        ("2026-03", utc(2026, 3, 1), utc(2026, 3, 31, 23)),  # the clocks go forward on the 29th
        ("2026-10", utc(2026, 9, 30, 23), utc(2026, 11, 1)),  # and back on the 25th
        ("2024-02", utc(2024, 2, 1), utc(2024, 3, 1)),
        ("2026-12", utc(2026, 12, 1), utc(2027, 1, 1)),
        ("2026-q2", utc(2026, 3, 31, 23), utc(2026, 6, 30, 23)),
        ("2026-q4", utc(2026, 9, 30, 23), utc(2027, 1, 1)),
        ("dspt-2025-26", utc(2025, 6, 30, 23), utc(2026, 6, 30, 23)),
        ("dspt-2099-00", utc(2099, 6, 30, 23), utc(2100, 6, 30, 23)),
    ],
)
def test_chosen_period_runs_from_midnight_to_midnight_in_london(key, since, until):
    span = chosen({"period": key}, TODAY)

    assert (span.since.astimezone(UTC), span.until.astimezone(UTC)) == (since, until)
    assert span.query == {"period": key}


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2024, 2, 29), 24), (date(2026, 6, 1), 24)],
)
def test_a_day_lasts_as_long_as_it_does_in_london(day, hours):
    span = spans.own_days(day, day)

    assert span.until.astimezone(UTC) - span.since.astimezone(UTC) == timedelta(hours=hours)


def test_months_of_a_year_leave_no_gap_and_do_not_overlap():
    months = [spans.month_span(month) for month in spans.dspt_year(2023).months()]

    assert len(months) == 12
    assert all(one.until == following.since for one, following in pairwise(months))
    assert (months[0].since, months[-1].until) == (spans.dspt_year(2023).since, spans.dspt_year(2023).until)


@pytest.mark.parametrize(
    ("day", "starts"),
    [(date(2026, 6, 30), 2025), (date(2026, 7, 1), 2026), (date(2026, 12, 31), 2026), (date(2027, 1, 1), 2026)],
)
def test_dspt_year_begins_on_the_first_of_july(day, starts):
    assert spans.dspt_year_of(day) == spans.dspt_year(starts)


@pytest.mark.parametrize(
    "key", ["2026-13", "2026-00", "0000-01", "9999-12", "2026-q5", "dspt-2025-27", "dspt-9999-00", "x", "2026-1"]
)
def test_chosen_refuses_what_is_no_period(key):
    with pytest.raises(BadSpan):
        chosen({"period": key}, TODAY).until  # noqa: B018


def test_own_days_may_be_a_leap_year_and_no_more():
    assert spans.own_days(date(2024, 1, 1), date(2024, 12, 31))
    with pytest.raises(BadSpan):
        spans.own_days(date(2024, 1, 1), date(2025, 1, 1))


def test_every_period_offered_can_be_chosen():
    offered = [span for _heading, some in spans.offered(TODAY) for span in some]

    assert [chosen({"period": span.key}, TODAY) for span in offered] == offered
    assert len({span.key for span in offered}) == len(offered)


def test_offered_goes_back_over_the_turn_of_the_year():
    keys = [span.key for _heading, some in spans.offered(date(2026, 2, 28)) for span in some]

    assert {"2026-02", "2025-12", "2025-02", "2026-q1", "2025-q4", "2025-q1", "dspt-2025-26"} <= set(keys)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (utc(2026, 10, 25, 0, 30), "25 October 2026 at 01:30 BST"),
        (utc(2026, 10, 25, 1, 30), "25 October 2026 at 01:30 GMT"),
        (utc(2026, 10, 25, 2, 0), "25 October 2026 at 02:00"),
        (utc(2026, 3, 29, 0, 59), "29 March 2026 at 00:59"),
        (utc(2026, 3, 29, 1, 0), "29 March 2026 at 02:00"),
        (utc(2026, 6, 30, 23, 0), "1 July 2026 at 00:00"),
        (None, ""),
    ],
)
def test_moment_tells_the_two_hours_apart_that_the_clocks_show_twice(at, said):
    assert moment(at) == said
