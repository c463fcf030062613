"""Views within a minute are one entry with a count, and none is lost on its way into the ledger."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from access.tenancy import acting_for
from audit.entries import open_details
from audit.errors import LedgerUnavailable
from audit.models import Event, OpenView
from audit.open_views import _entry, oldest_open
from audit.services import close_views, note_view
from audit.verification import verify_organisation


@pytest.fixture
def see(world, resident):
    def go(actor="staff:a", page="records:resident", **more):
        return note_view(
            organisation_id=world.organisation.pk,
            actor=actor,
            action="records.resident.viewed",
            subject=resident.ref,
            residents=[resident.pk],
            care_home_id=world.home.pk,
            page=page,
            **more,
        )

    return go


def views():
    return [(event.actor, event.count) for event in Event.objects.filter(kind="view").order_by("at")]


def test_note_view_repeated_within_a_minute_becomes_one_entry_with_a_count(world, see, end_views, settle):
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        first = see()
        clock.shift(50)
        again = see()

    assert first == again
    assert end_views() == 1
    settle()
    event = Event.objects.get(pk=first)
    assert (event.count, event.at) == (2, now)
    assert open_details(event)["last_at"] == (now + timedelta(seconds=50)).isoformat()
    assert verify_organisation(world.organisation.pk).ok


def test_note_view_after_its_minute_is_another_entry(see, end_views):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        see()
        clock.shift(61)
        see()

    assert views() == [("staff:a", 1)]
    end_views()
    assert views() == [("staff:a", 1), ("staff:a", 1)]


def test_note_view_of_another_person_page_or_figure_is_another_entry(see, end_views):
    see()
    see(actor="staff:b")
    see(page="records:daily_notes")
    see(extra={"results": 3})

    assert end_views() == 4


def test_close_views_leaves_those_whose_minute_still_runs(world, see):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        see()
        clock.shift(59)
        running = close_views(world.organisation.pk)
        clock.shift(2)
        over = close_views(world.organisation.pk)

    assert (running, over) == (0, 1)
    assert oldest_open(world.organisation.pk) is None


def test_close_views_ends_a_view_from_a_clock_that_was_set_back(world, see):
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=False):
        see()
    see()

    close_views(world.organisation.pk)

    assert views() == [("staff:a", 1)]
    assert OpenView.objects.count() == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_open_view SET count = count + 2",
        "UPDATE audit_open_view SET count = count",
        "UPDATE audit_open_view SET count = count + 1, last_at = last_at - interval '1 minute'",
        "UPDATE audit_open_view SET actor = 'staff:b', count = count + 1",
        "TRUNCATE audit_open_view",
    ],
)
def test_application_role_can_only_count_an_open_view_up(see, statement):
    see()

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_open_view_cannot_go_without_its_entry(see):
    see()

    with pytest.raises(IntegrityError, match="no ledger entry tells of it"):
        OpenView.objects.all().delete()

    assert OpenView.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_open_view_cannot_go_with_an_entry_that_says_something_else(see):
    see()
    see()

    view = OpenView.objects.get()
    view.count = 1

    def swap():
        with transaction.atomic():
            _entry(view).save(force_insert=True)
            OpenView.objects.all().delete()

    with pytest.raises(IntegrityError):
        swap()

    assert views() == []


def test_another_organisation_sees_no_open_view(world, see):
    see()

    with acting_for(world.other.pk):
        assert not OpenView.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_note_view_by_many_at_once_loses_none(world, see):
    """Eight tablets of one person and two that seal meanwhile: the counts add up to every view."""
    organisation_id, failures = world.organisation.pk, []

    def run(work, times):
        def loop():
            try:
                with acting_for(organisation_id):
                    for _ in range(times):
                        work()
            except Exception as error:  # the thread's own failure must reach the test
                failures.append(error)
            finally:
                connection.close()

        return threading.Thread(target=loop)

    threads = [run(see, 25) for _ in range(8)]
    threads += [run(lambda: close_views(organisation_id, everything=True), 10) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    close_views(organisation_id, everything=True)

    assert not failures
    assert sum(count for _actor, count in views()) == 200
    assert verify_organisation(organisation_id).ok


def test_note_view_that_the_database_refuses_raises(world, resident):
    with pytest.raises(LedgerUnavailable), transaction.atomic():
        note_view(
            organisation_id=world.organisation.pk,
            actor="not a ref\n",
            action="records.resident.viewed",
            subject=resident.ref,
            page="records:resident",
        )
