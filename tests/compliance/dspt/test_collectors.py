from datetime import UTC, datetime, timedelta

import pytest

from compliance.dspt.collectors import Finding, Period, Verdict, collector, collects
from compliance.errors import UnknownCollector

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_met_if_gives_a_verdict_with_its_sources():
    finding = Finding.met_if(False, "One is late.", sources=iter(["staff:1", "staff:2"]))

    assert (finding.verdict, finding.sources) == (Verdict.NOT_MET, ("staff:1", "staff:2"))


def test_collects_refuses_a_name_taken_twice():
    look = collects("tests.twice", title="Once")(lambda organisation, period: Finding.unknown("Nothing."))

    with pytest.raises(ValueError, match=r"tests\.twice"):
        collects("tests.twice", title="Again")(look)


def test_collector_names_the_one_that_is_not_there():
    with pytest.raises(UnknownCollector, match="no-such"):
        collector("no-such")


@pytest.mark.parametrize(
    ("since", "until"), [(NOON, NOON), (NOON, NOON - timedelta(days=1)), (NOON.replace(tzinfo=None), NOON)]
)
def test_period_runs_forward_between_aware_times(since, until):
    with pytest.raises(ValueError, match="aware"):
        Period(since, until)


def test_period_last_never_reaches_before_its_own_beginning():
    week = Period(NOON - timedelta(days=7), NOON)

    assert week.last(timedelta(days=2)).since == NOON - timedelta(days=2)
    assert week.last(timedelta(days=90)) == week
