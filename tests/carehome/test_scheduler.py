"""Two schedulers are started, one works."""

import time

import pytest
from celery import Celery
from django.db import connections

from carehome.scheduler import LOCK, OneScheduler

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scheduler(tmp_path):
    """Makes schedulers with one entry that is always due; each has a file of its own."""
    made = []

    def make():
        app = Celery("test", broker="memory://", set_as_current=False)
        app.conf.beat_schedule = {"always": {"task": "nothing.at.all", "schedule": 0.01}}
        one = OneScheduler(app=app, schedule_filename=str(tmp_path / f"schedule-{len(made)}"))
        one.sent = []
        one.apply_async = lambda entry, **kwargs: one.sent.append(entry.name)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def _tick_for_a_while(one):
    """Ticks until something is sent, or for ten of the entry's intervals; the waits it was told."""
    waits, until = [], time.monotonic() + 0.1
    while not one.sent and time.monotonic() < until:
        waits.append(one.tick())
        time.sleep(0.005)
    return waits


def test_tick_sends_what_is_due_while_it_holds_the_lock(scheduler):
    one = scheduler()

    _tick_for_a_while(one)

    assert "always" in one.sent


def test_tick_sends_nothing_while_another_holds_the_lock(scheduler):
    first, second = scheduler(), scheduler()
    first.tick()

    waits = _tick_for_a_while(second)

    assert second.sent == []
    assert set(waits) == {5.0}


def test_tick_takes_over_when_the_other_goes(scheduler):
    first, second = scheduler(), scheduler()
    first.tick()
    second.tick()

    first.close()

    assert second.holds_lock()


def test_holds_lock_gives_way_when_its_connection_is_cut(scheduler):
    first, second = scheduler(), scheduler()
    first.tick()
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND"
            " (classid::bigint << 32 | objid::bigint) = %s",
            [LOCK],
        )

    assert not first.holds_lock()
    assert second.holds_lock()
    assert not first.holds_lock()
