from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from compliance.anomalies.rules import BulkViewing, Opened, bursts

RULE = BulkViewing()
START = datetime(2026, 11, 23, 2, tzinfo=UTC)


def opened(resident, seconds, actor="staff:a"):
    return Opened(actor, UUID(int=resident), START + timedelta(seconds=seconds))


def test_bursts_lets_fourteen_residents_in_ten_minutes_pass():
    assert bursts([opened(n, 10 * n) for n in range(14)], RULE) == []


def test_bursts_finds_the_fifteenth_resident():
    [burst] = bursts([opened(n, 10 * n) for n in range(15)], RULE)

    assert (burst.actor, len(burst.residents)) == ("staff:a", 15)
    assert (burst.first_at, burst.last_at) == (START, START + timedelta(seconds=140))


def test_bursts_counts_a_resident_once_however_often_opened():
    assert bursts([opened(n % 14, n) for n in range(500)], RULE) == []


def test_bursts_counts_the_tenth_minute_and_not_the_one_after():
    inside = [opened(n, 600 / 14 * n) for n in range(15)]
    outside = [opened(n, 601 / 14 * n) for n in range(15)]

    assert len(bursts(inside, RULE)) == 1
    assert bursts(outside, RULE) == []


def test_bursts_keeps_people_apart():
    shared = [opened(n, n, actor=f"staff:{'ab'[n % 2]}") for n in range(28)]

    assert bursts(shared, RULE) == []


def test_bursts_joins_what_goes_on_and_parts_what_comes_again():
    long = [opened(n, 30 * n) for n in range(60)]
    again = [opened(n, 7200 + n) for n in range(20)]

    found = bursts(long + again, RULE)

    assert [len(burst.residents) for burst in found] == [60, 20]


def test_bursts_takes_views_in_any_order_and_twice():
    views = [opened(n, 10 * n) for n in range(20)]

    assert bursts(views[::-1] + views, RULE) == bursts(views, RULE)


views_of_one = st.lists(st.builds(opened, st.integers(0, 25), st.integers(0, 3600)), max_size=120)


@given(views_of_one)
def test_bursts_agrees_with_looking_at_every_window(views):
    def breaks(at):
        return len({v.resident for v in views if at - RULE.within <= v.at <= at}) > RULE.more_than

    found = bursts(views, RULE)

    for view in views:
        if breaks(view.at):
            assert any(burst.first_at <= view.at <= burst.last_at for burst in found)
    for burst in found:
        assert len(burst.residents) > RULE.more_than
        assert breaks(burst.last_at)
