from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.dspt import collectors
from compliance.dspt.assessment import Standing, State, assess, derive, select
from compliance.dspt.collectors import Finding, Verdict
from compliance.dspt.edition import EDITIONS, Level, load

TODAY = date(2026, 11, 23)
KNOWN = collectors.names()
EDITION = load((EDITIONS / "2025-26.toml").read_text(encoding="utf-8"), known=KNOWN)
MET, NOT_MET, UNKNOWN = Finding.met_if(True, "Yes."), Finding.met_if(False, "No."), Finding.unknown("Cannot see.")


def standing(*, valid_for=timedelta(days=200), on_finding=Verdict.MET):
    return Standing("We checked.", "staff:1", datetime(2026, 11, 1, 9, tzinfo=UTC), TODAY + valid_for, on_finding)


@pytest.mark.parametrize(
    ("finding", "confirmation", "state"),
    [
        (None, None, State.MISSING),
        (NOT_MET, None, State.MISSING),
        (MET, None, State.SUGGESTED),
        (UNKNOWN, None, State.UNKNOWN),
        (None, standing(on_finding=None), State.CONFIRMED),
        (MET, standing(), State.CONFIRMED),
        (MET, standing(valid_for=timedelta(0)), State.CONFIRMED),
        (MET, standing(valid_for=timedelta(days=-1)), State.REFRESH),
        (NOT_MET, standing(), State.REFRESH),
        (UNKNOWN, standing(), State.REFRESH),
        (UNKNOWN, standing(on_finding=Verdict.UNKNOWN), State.CONFIRMED),
        (UNKNOWN, standing(on_finding=None), State.REFRESH),
    ],
)
def test_derive_gives_the_state_of_an_item(finding, confirmation, state):
    assert derive(finding, confirmation, TODAY) is state


@given(
    finding=st.sampled_from([None, MET, NOT_MET, UNKNOWN]),
    confirmation=st.one_of(
        st.none(),
        st.builds(
            standing,
            valid_for=st.timedeltas(timedelta(days=-400), timedelta(days=400)),
            on_finding=st.sampled_from([None, *Verdict]),
        ),
    ),
)
def test_derive_is_confirmed_only_by_a_person_and_never_against_the_evidence(finding, confirmation):
    state = derive(finding, confirmation, TODAY)

    if state is State.CONFIRMED:
        assert confirmation is not None
        assert confirmation.valid_until >= TODAY
        assert finding is None or finding.verdict is not Verdict.NOT_MET


def test_assess_calls_a_collector_that_was_not_asked_unknown():
    assessment = assess(EDITION, findings={}, standings={}, today=TODAY)

    assert {a.item.ref for a in assessment.items if a.state is State.UNKNOWN} == {"4.2.4", "4.4.1", "7.3.5"}
    assert assessment.confirmed == 0


def test_assess_counts_mandatory_items_only():
    standings = {item.ref: standing(on_finding=None) for item in EDITION.items if not item.mandatory}

    assessment = assess(EDITION, findings={}, standings=standings, today=TODAY)

    assert assessment.confirmed == 0
    assert sum(assessment.counts.values()) == 45


def test_assess_meets_the_standards_when_all_is_confirmed():
    findings = {"access.leavers": MET, "backups.restore-drills": MET}
    standings = {item.ref: standing() for item in EDITION.mandatory}

    assessment = assess(EDITION, findings=findings, standings=standings, today=TODAY)

    assert assessment.standards_met
    assert assessment.approaching_standards
    assert all(count.worst is State.CONFIRMED for count in assessment.by_standard)


def test_by_standard_counts_as_the_toolkit_does():
    counts = assess(EDITION, findings={}, standings={"2.1.1": standing()}, today=TODAY).by_standard

    assert [count.mandatory for count in counts] == [16, 2, 3, 5, 1, 5, 6, 3, 2, 2]
    assert (counts[1].confirmed, counts[1].worst) == (1, State.MISSING)


def test_deadline_says_how_long_ago_it_passed():
    deadline = assess(EDITION, findings={}, standings={}, today=TODAY).deadline

    assert deadline.passed
    assert deadline.days_since == 146
    assert not deadline.next_confirmed


def test_deadline_is_not_passed_on_the_day_itself():
    deadline = assess(EDITION, findings={}, standings={}, today=EDITION.deadline).deadline

    assert not deadline.passed
    assert deadline.days_left == 0


def test_do_next_puts_what_the_system_contradicts_first():
    findings = {"access.leavers": MET, "backups.restore-drills": NOT_MET}
    standings = {"1.1.1": standing(valid_for=timedelta(days=-1), on_finding=None)}

    first = assess(EDITION, findings=findings, standings=standings, today=TODAY).do_next(3)

    assert [(a.item.ref, a.state) for a in first] == [
        ("7.3.5", State.MISSING),
        ("1.1.1", State.REFRESH),
        ("4.2.4", State.SUGGESTED),
    ]


def test_do_next_lists_what_runs_out_soon_last_and_what_is_done_never():
    standings = {"1.1.1": standing(valid_for=timedelta(days=30)), "1.1.2": standing(valid_for=timedelta(days=31))}

    refs = [a.item.ref for a in assess(EDITION, findings={}, standings=standings, today=TODAY).do_next(100)]

    assert refs[-1] == "1.1.1"
    assert "1.1.2" not in refs


def test_why_names_what_the_system_sees():
    findings = {"access.leavers": NOT_MET}

    assessed = assess(EDITION, findings=findings, standings={"4.2.4": standing()}, today=TODAY)

    assert select(assessed.items, state=State.REFRESH)[0].why == "What the system sees no longer agrees: No."


def test_select_narrows_by_every_filter_given():
    items = assess(EDITION, findings={}, standings={}, today=TODAY).items

    found = {
        (standard, level): [a.item.ref for a in select(items, standard=standard, level=level)]
        for standard, level in product((None, 3), (None, Level.MET))
    }

    assert len(found[None, None]) == 56
    assert found[3, None] == found[3, Level.MET] == ["3.1.1", "3.2.1", "3.4.1"]
    assert len(found[None, Level.MET]) == 19
