"""Whether the audit log is whole: never green on what is missing, old, contradictory or half done."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from compliance.reports.health import Run, Whole, health

NOW = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
FULL = Run("verification:full", NOW - timedelta(hours=2), True, 1_000)
PART = Run("verification:part", NOW - timedelta(minutes=10), True, 1_200)
OLD = replace(PART, finished_at=NOW - timedelta(days=9))
SOUND = {"full": FULL, "newest": PART, "head": 1_205, "signed_size": 1_200, "signed_at": NOW - timedelta(seconds=20)}


def stands(**changed):
    return health(**{**SOUND, "now": NOW, **changed})


def test_health_is_unbroken_when_all_was_checked_lately_and_signed():
    found = stands()

    assert (found.state, found.good, found.entries) == (Whole.UNBROKEN, True, 1_205)
    assert found.sources == ("verification:part", "verification:full")
    assert "All 1,200 entries" in found.statement


@pytest.mark.parametrize(
    ("changed", "state", "told"),
    [
        ({"full": None, "newest": None}, Whole.NEVER, "not been checked in full"),
        ({"full": None}, Whole.NEVER, "not been checked in full"),
        ({"newest": replace(PART, finished_at=NOW - timedelta(minutes=31))}, Whole.STALE, "30 minutes"),
        ({"full": replace(FULL, finished_at=NOW - timedelta(hours=27))}, Whole.STALE, "26 hours"),
        ({"signed_at": None, "signed_size": 0}, Whole.STALE, "not been signed"),
        ({"signed_at": NOW - timedelta(minutes=6)}, Whole.STALE, "5 entries"),
        ({"head": 1_100, "signed_size": 1_000}, Whole.STALE, "fewer than the 1,200 that were checked"),
        ({"head": 1_200, "signed_size": 1_300}, Whole.STALE, "fewer than the 1,300 that were signed"),
        ({"anchors_fault": "The second place cannot be written."}, Whole.STALE, "The second place"),
        ({"newest": replace(PART, ok=False, first_bad=77, kind="altered")}, Whole.BROKEN, "at entry 77: altered"),
        ({"newest": replace(PART, ok=False, first_bad=0, kind="bad_note")}, Whole.BROKEN, "at entry 0: bad note"),
        ({"newest": replace(PART, ok=False)}, Whole.BROKEN, "at an entry that cannot be named"),
        # an incremental run that found nothing does not clear what a full one found in the records
        ({"full": replace(FULL, ok=False, subject="daily_note:1", first_bad=5)}, Whole.BROKEN, "daily_note:1"),
        # a break is told however old it is
        (
            {"newest": replace(PART, ok=False, first_bad=7, finished_at=NOW - timedelta(days=9))},
            Whole.BROKEN,
            "entry 7",
        ),
    ],
)
def test_health_is_never_falsely_green(changed, state, told):
    found = stands(**changed)

    assert (found.state, found.good) == (state, False)
    assert told in found.statement


def test_health_does_not_ask_for_a_signature_when_nothing_is_new():
    assert stands(head=1_200, signed_at=NOW - timedelta(days=1)).good


def test_health_keeps_its_limits_through_the_hour_that_the_clocks_show_twice():
    newest = replace(PART, finished_at=NOW - timedelta(minutes=30))

    assert stands(newest=newest).good
    assert not stands(newest=newest, now=NOW + timedelta(microseconds=1)).good
