"""Access by role and month: the role held at the time, each entry once, cut at London's midnights."""

from datetime import UTC, date, datetime, timedelta

import pytest

from audit.models import EventKind
from compliance.reports import access_by_role, privileged, spans
from compliance.reports.entries import Scope
from compliance.reports.spans import LONDON
from compliance.reports.tables import selection

VIEW = {"action": "records.resident.viewed", "kind": EventKind.VIEW}


def london(*parts, fold=0):
    return datetime(*parts, tzinfo=LONDON, fold=fold)


@pytest.fixture
def newcomer(world):
    """Somebody with an account and, as yet, no role."""
    from access.services import add_staff

    return add_staff(
        actor=world.system, email="new@rosebank.example", first_name="Nia", last_name="Newcomer", password="a long one"
    )


def told(scope, span):
    """{(month, home, role): {what: number}} of the second table, noughts left out."""
    table = access_by_role.report(scope, span).tables[1]
    heads = [column.heading for column in table.columns]
    return {
        tuple(cell.text for cell in row[:3]): {
            head: cell.number for head, cell in zip(heads[3:-1], row[3:-1], strict=True) if cell.number
        }
        for row in table.rows
    }


def test_role_is_the_one_held_at_the_time_though_it_changed_within_the_month(newcomer, home, hold, entry, scope):
    changed = london(2026, 5, 12, 14)
    hold(newcomer, home, "carer", london(2026, 1, 1), changed)
    hold(newcomer, home, "nurse", changed)
    for at in (london(2026, 5, 1), changed - timedelta(microseconds=1)):
        entry(**VIEW, by=newcomer.ref, home=home, at=at)
    for at in (changed, london(2026, 5, 31, 23, 59), london(2026, 5, 20)):
        entry(**VIEW, by=newcomer.ref, home=home, at=at)

    found = told(scope, spans.month_span(date(2026, 5, 1)))

    assert found == {
        ("May 2026", home.name, "Nurse"): {"Opened": 3},
        ("May 2026", home.name, "Carer"): {"Opened": 2},
    }


def test_merged_views_count_as_often_as_they_happened(newcomer, home, hold, entry, scope):
    hold(newcomer, home, "carer", london(2026, 1, 1))
    entry(**VIEW, by=newcomer.ref, home=home, at=london(2026, 5, 2), times=7)
    entry(**VIEW, by=newcomer.ref, home=home, at=london(2026, 5, 2))

    assert told(scope, spans.month_span(date(2026, 5, 1))) == {("May 2026", home.name, "Carer"): {"Opened": 8}}


def test_person_in_two_homes_counts_in_each_under_the_role_held_there(newcomer, world, home, hold, entry, scope):
    hold(newcomer, home, "carer", london(2026, 1, 1))
    hold(newcomer, world.second_home, "nurse", london(2026, 1, 1))
    entry(**VIEW, by=newcomer.ref, home=home, at=london(2026, 5, 2))
    entry(**VIEW, by=newcomer.ref, home=world.second_home, at=london(2026, 5, 2))
    entry(**VIEW, by=newcomer.ref, at=london(2026, 5, 2))  # a list over both homes

    assert told(scope, spans.month_span(date(2026, 5, 1))) == {
        ("May 2026", home.name, "Carer"): {"Opened": 1},
        ("May 2026", world.second_home.name, "Nurse"): {"Opened": 1},
        ("May 2026", "No single home", "Nurse"): {"Opened": 1},
    }


def test_person_with_two_roles_in_one_home_counts_once(newcomer, home, hold, entry, scope):
    hold(newcomer, home, "carer", london(2026, 1, 1))
    hold(newcomer, home, "registered_manager", london(2026, 1, 1))
    entry(**VIEW, by=newcomer.ref, home=home, at=london(2026, 5, 2))

    found = told(scope, spans.month_span(date(2026, 5, 1)))

    assert found == {("May 2026", home.name, "Registered manager"): {"Opened": 1}}


def test_access_without_a_role_is_red_and_listed(newcomer, world, home, hold, entry, scope):
    hold(newcomer, home, "carer", london(2026, 1, 1), london(2026, 5, 1))
    entry(**VIEW, by=newcomer.ref, home=home, at=london(2026, 5, 1))  # the moment at which it ended
    entry(**VIEW, by=newcomer.ref, home=world.second_home, at=london(2026, 4, 30))

    span = spans.own_days(date(2026, 4, 1), date(2026, 5, 31))
    report = access_by_role.report(scope, span)
    found = access_by_role.behind(scope, span, selection("role=none"))

    assert report.mood.value == "red"
    assert "2 acts by people who held no role there at the time" in report.answer
    assert (found.total, len(found.table.rows)) == (2, 2)


def test_a_session_that_the_system_ended_is_nothing_a_leaver_did(newcomer, entry, scope):
    entry("access.session.ended", by=newcomer.ref, at=london(2026, 5, 2))

    assert told(scope, spans.month_span(date(2026, 5, 1))) == {
        ("May 2026", "No single home", "The system"): {"Other": 1}
    }


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (datetime(2026, 6, 30, 22, 59, 59, 999999, tzinfo=UTC), "June 2026"),
        (datetime(2026, 6, 30, 23, 0, tzinfo=UTC), "July 2026"),  # midnight in London
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "March 2026"),
        (datetime(2026, 3, 31, 23, 0, tzinfo=UTC), "April 2026"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "October 2026"),
        (datetime(2026, 10, 31, 23, 59, tzinfo=UTC), "October 2026"),
        (datetime(2026, 11, 1, 0, 0, tzinfo=UTC), "November 2026"),
        (datetime(2024, 2, 29, 23, 59, tzinfo=UTC), "February 2024"),
        (datetime(2024, 3, 1, 0, 0, tzinfo=UTC), "March 2024"),
    ],
)
def test_entry_counts_in_its_month_in_london(entry, scope, at, month):
    entry("records.resident.viewed", kind=EventKind.VIEW, at=at)
    year = spans.own_days(date(at.year, 1, 1), date(at.year, 12, 31))

    months = {key[0]: row["Opened"] for key, row in told(scope, year).items() if "Opened" in row}

    assert months == {month: 1}


def test_each_entry_is_in_exactly_one_column(entry, scope, newcomer, home, hold):
    hold(newcomer, home, "carer", london(2026, 1, 1))
    for action, kind in (
        ("records.resident.viewed", EventKind.VIEW),
        ("records.resident.printed", EventKind.VIEW),
        ("records.daily_note.written", EventKind.CHANGE),
        ("compliance.ledger.export_downloaded", EventKind.ACT),
        ("access.permission.refused", EventKind.REFUSAL),
        ("access.session.locked", EventKind.ACT),
    ):
        entry(action, kind=kind, by=newcomer.ref, home=home, at=london(2026, 5, 2))

    assert told(scope, spans.month_span(date(2026, 5, 1))) == {
        ("May 2026", home.name, "Carer"): {"Opened": 1, "Changed": 1, "Exported": 2, "Refused": 1, "Other": 1}
    }


def test_refusal_belongs_to_the_home_it_asked_for(entry, scope, world, newcomer, organisation):
    entry(
        "access.permission.refused", kind=EventKind.REFUSAL, by=newcomer.ref, subject=world.second_home.ref,
        at=london(2026, 5, 2),
    )  # fmt: skip
    first = Scope(organisation.pk, {world.home.pk: world.home.name})
    span = spans.month_span(date(2026, 5, 1))

    assert told(scope, span) == {("May 2026", world.second_home.name, "No role at the time"): {"Refused": 1}}
    assert told(first, span) == {}


def test_another_organisations_entries_are_not_counted(world, entry, other_organisation):
    span = spans.month_span(date(2026, 5, 1))
    entry(**VIEW, at=london(2026, 5, 2))
    world.open(other_organisation.pk)

    assert told(Scope.whole(other_organisation.pk), span) == {}


def test_new_access_acts_count_as_privileged_until_they_are_put_among_the_everyday(entry, scope):
    for action in (
        "access.wall.opened", "access.data_key.rotated", "records.resident.erased", "access.grant.changed",
        "backups.restore.started", "access.device.blocked", "records.resident.printed",
    ):  # fmt: skip
        entry(action, at=london(2026, 5, 2))
    for action in (
        "access.session.signed_in",
        "records.daily_note.written",
        "backups.backup.made",
        "access.staff.created",
    ):
        entry(action, at=london(2026, 5, 2))

    span = spans.month_span(date(2026, 5, 1))
    found = {row.action: row.group for row in privileged.acts(scope, span.since, span.until)}

    assert found == {
        "access.wall.opened": "settings",
        "access.data_key.rotated": "keys",
        "records.resident.erased": "erasures",
        "access.grant.changed": "people",
        "backups.restore.started": "backups",
        "access.device.blocked": "devices",
        "records.resident.printed": "exports",
    }
