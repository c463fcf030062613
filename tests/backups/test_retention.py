from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from backups.retention import Retention

NIGHT = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


def nightly(count: int) -> dict[str, datetime]:
    return {f"set-{n:03}": NIGHT - timedelta(days=n) for n in range(count)}


def test_kept_holds_two_weeks_of_days_and_eight_of_weeks():
    kept = Retention(daily=14, weekly=8).kept(nightly(100))

    assert {f"set-{n:03}" for n in range(14)} <= kept
    assert len(kept) == 14 + 8 - 3  # the days reach into three weeks, whose newest sets are kept anyway
    assert min(nightly(100)[name] for name in kept) >= NIGHT - timedelta(weeks=8)


def test_kept_holds_only_the_newest_of_each_day_once_it_is_a_day_old():
    sets = {"old-noon": NIGHT - timedelta(days=3, hours=1), "old-night": NIGHT - timedelta(days=3), "now": NIGHT}

    assert Retention().kept(sets) == {"old-night", "now"}


def test_kept_holds_every_set_of_the_last_day():
    sets = {f"hour-{n}": NIGHT - timedelta(hours=n) for n in range(24)}

    assert Retention(daily=1, weekly=0).kept(sets) == set(sets)


def test_kept_counts_days_that_have_sets_so_a_pause_loses_nothing():
    sets = {f"set-{n}": NIGHT - timedelta(days=30 * n) for n in range(5)}

    assert Retention(daily=5, weekly=0).kept(sets) == set(sets)


@given(st.lists(st.integers(0, 5000), unique=True, max_size=80), st.integers(0, 10), st.integers(0, 10))
def test_expired_never_names_the_newest_and_is_settled_after_one_pass(hours, daily, weekly):
    sets = {str(n): NIGHT - timedelta(hours=n) for n in hours}
    retention = Retention(daily=daily, weekly=weekly)

    left = {name: at for name, at in sets.items() if name not in retention.expired(sets)}

    assert not sets or max(sets, key=lambda name: sets[name]) in left
    assert retention.expired(left) == []
