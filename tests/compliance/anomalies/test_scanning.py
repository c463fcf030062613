"""Scanning the ledger's views, raising alerts, reviewing them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

import audit.services
from access.actors import Actor
from access.errors import NotPermitted
from access.key_purposes import Purpose
from access.services import make_data_key
from access.tenancy import acting_for
from audit.models import Event, EventKind
from compliance.anomalies import queries, services
from compliance.anomalies.tasks import scan_views
from compliance.errors import AlertAlreadyReviewed, OwnAlert, StatementMissing
from compliance.models import Alert, ScanMark


@pytest.fixture
def system(organisation):
    return Actor.system(organisation.pk, "anomalies")


@pytest.fixture
def residents(organisation):
    """Fresh ids of residents, each with a key, as the ledger needs."""

    def fresh():
        while True:
            resident = uuid4()
            make_data_key(
                actor_ref="system:test", organisation_id=organisation.pk, purpose=Purpose.RESIDENT, subject_id=resident
            )
            yield resident

    return fresh()


@pytest.fixture
def reads(organisation, home, residents, monkeypatch):
    """Let a person open so many residents' records, one every two seconds, the last one `ago`."""

    def read(staff, number, ago=timedelta(seconds=5), kind=EventKind.VIEW):
        for at in range(number):
            resident = next(residents)
            moment = timezone.now() - ago - timedelta(seconds=2 * (number - at))
            monkeypatch.setattr(audit.services.timezone, "now", lambda moment=moment: moment)
            audit.services.append(
                organisation_id=organisation.pk,
                actor=staff.ref,
                action="records.resident.viewed",
                subject=f"resident:{resident}",
                residents=[resident],
                care_home_id=home.pk,
                kind=kind,
            )
            monkeypatch.undo()

    return read


def actions(alert):
    events = Event.objects.filter(organisation_id=alert.organisation_id, subject=alert.ref).order_by("at")
    return [(event.action, event.actor) for event in events]


def test_scan_views_raises_an_alert_for_the_fifteenth_resident(system, carer, home, reads, settle):
    reads(carer, 15)

    [alert] = services.scan_views(actor=system)
    settle()

    assert (alert.staff_ref, alert.residents, alert.care_home_id) == (carer.ref, 15, home.pk)
    assert actions(alert) == [("compliance.alert.raised", "system:anomalies")]


def test_scan_views_lets_fourteen_pass(system, carer, reads):
    reads(carer, 14)

    assert services.scan_views(actor=system) == []


def test_scan_views_runs_as_a_task_of_its_organisation(organisation, carer, reads):
    reads(carer, 15)

    scan_views.apply((str(organisation.pk),), throw=True)

    assert Alert.objects.get().staff_ref == carer.ref


def test_scan_views_goes_by_views_of_one_resident(system, carer, reads, organisation):
    reads(carer, 20, kind=EventKind.ACT)
    audit.services.append(
        organisation_id=organisation.pk,
        actor=carer.ref,
        action="records.resident_list.viewed",
        subject=f"organisation:{organisation.pk}",
        residents=[uuid4() for _ in range(40)],
        kind=EventKind.VIEW,
    )

    assert services.scan_views(actor=system) == []


def test_scan_views_twice_raises_once(system, carer, reads):
    reads(carer, 20)

    first, second = services.scan_views(actor=system), services.scan_views(actor=system)

    assert (len(first), second) == (1, [])
    assert Alert.objects.count() == 1


def test_scan_views_finds_a_burst_cut_in_two_by_the_scan(system, carer, reads):
    reads(carer, 10, ago=timedelta(seconds=120))
    services.scan_views(actor=system, now=timezone.now() - timedelta(seconds=90))
    reads(carer, 10)

    [alert] = services.scan_views(actor=system)

    assert alert.residents == 20


def test_scan_views_extends_the_open_alert_of_a_burst_that_goes_on(system, carer, reads, settle):
    reads(carer, 15, ago=timedelta(minutes=3))
    [alert] = services.scan_views(actor=system)
    first_at, said = alert.first_at, alert.explanation
    reads(carer, 8)

    assert services.scan_views(actor=system) == []
    settle()
    alert.refresh_from_db()
    assert (alert.residents, alert.first_at) == (23, first_at)
    assert alert.explanation != said
    assert actions(alert)[-1][0] == "compliance.alert.continued"


def test_scan_views_asks_again_only_about_what_came_after_the_review(system, carer, manager, actor_for, reads):
    reads(carer, 15, ago=timedelta(minutes=3))
    [alert] = services.scan_views(actor=system)
    services.review_alert(actor=actor_for(manager), alert=alert, verdict="explained", note="Fire roll-call.")
    reads(carer, 14, ago=timedelta(minutes=1))

    assert services.scan_views(actor=system) == []
    reads(carer, 1)
    [again] = services.scan_views(actor=system)

    assert (again.residents, again.first_at > alert.last_at) == (15, True)


def test_scan_views_finds_views_that_became_visible_late(system, carer, reads):
    services.scan_views(actor=system)
    reads(carer, 15, ago=timedelta(seconds=100))

    assert len(services.scan_views(actor=system)) == 1


def test_scan_views_never_moves_its_mark_back(system, organisation):
    services.scan_views(actor=system)
    mark = ScanMark.objects.get().scanned_until

    services.scan_views(actor=system, now=timezone.now() - timedelta(hours=5))

    assert ScanMark.objects.get().scanned_until == mark


def test_scan_views_sees_one_organisation(carer, reads, other_organisation):
    reads(carer, 20)

    with acting_for(other_organisation.pk):
        assert services.scan_views(actor=Actor.system(other_organisation.pk, "anomalies")) == []


def test_scan_views_is_the_systems(manager, actor_for):
    with pytest.raises(NotPermitted):
        services.scan_views(actor=actor_for(manager))


def test_scan_views_costs_the_same_however_many_views_there_are(system, carer, nurse, reads, django_assert_num_queries):
    services.scan_views(actor=system)
    reads(carer, 14)
    reads(nurse, 14)

    with django_assert_num_queries(7):  # mark, open and sealed views, reviewed alerts, mark, between two of a savepoint
        services.scan_views(actor=system)


@pytest.fixture
def alert(system, carer, reads):
    reads(carer, 15)
    return services.scan_views(actor=system)[0]


def test_review_alert_records_the_verdict_and_who_gave_it(alert, manager, actor_for, settle):
    services.review_alert(actor=actor_for(manager), alert=alert, verdict="misuse", note="Spoke to her.")
    settle()

    alert.refresh_from_db()
    assert (alert.state, alert.verdict, alert.note, alert.reviewed_by) == (
        "reviewed",
        "misuse",
        "Spoke to her.",
        manager.ref,
    )
    assert actions(alert)[-1] == ("compliance.alert.reviewed", manager.ref)


def test_review_alert_is_final(alert, manager, actor_for):
    review = {"actor": actor_for(manager), "alert": alert, "note": "Spoke to her."}
    services.review_alert(verdict="explained", **review)

    with pytest.raises(AlertAlreadyReviewed):
        services.review_alert(verdict="misuse", **review)


def test_review_alert_needs_words(alert, manager, actor_for):
    with pytest.raises(StatementMissing):
        services.review_alert(actor=actor_for(manager), alert=alert, verdict="explained", note=" ")


def test_review_alert_is_never_ones_own(system, manager, actor_for, reads):
    reads(manager, 15)
    [own] = services.scan_views(actor=system)

    with pytest.raises(OwnAlert):
        services.review_alert(actor=actor_for(manager), alert=own, verdict="explained", note="It was me.")


@pytest.mark.parametrize("role", ["carer", "nurse", "kitchen", "inspector"])
def test_alerts_are_for_those_who_manage(world, alert, actor_for, role):
    actor = actor_for(world.person(role))

    assert queries.open_alerts(actor) == []
    with pytest.raises(NotPermitted):
        queries.alerts(actor)


def test_alerts_of_another_home_are_not_shown(world, alert, actor_for):
    elsewhere = world.person("registered_manager", home=world.second_home)

    assert queries.open_alerts(actor_for(elsewhere)) == []


def test_explain_names_numbers_and_times_but_nobody():
    begun = datetime(2026, 11, 23, 2, 10, tzinfo=UTC)

    assert services.explain(23, begun, begun + timedelta(minutes=4)) == (
        "Opened the records of 23 different residents in 4 minutes, from 02:10 to 02:14 on 23 November 2026. "
        "More than 14 in 10 minutes is unusual."
    )
    assert " in 1 minute, at 02:10 on 23 November 2026." in services.explain(15, begun, begun + timedelta(seconds=9))
