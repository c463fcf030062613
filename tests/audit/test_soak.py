"""The soak of bench/soak.py in small: nothing that goes wrong among honest writers may look like an attack."""

import pytest
from django.db import connection

from bench.soak import Place, soak
from tests import settings as run

pytestmark = pytest.mark.django_db(transaction=True)


def test_no_false_alarm_among_writers_that_are_killed_and_rolled_back(world, manager):
    residents = [world.admit(room=str(n)).pk for n in range(4)]
    place = Place(world.organisation.pk, run.CLUSTER.conninfo(run.DATABASE), manager.pk, residents)
    connection.close()  # the writers are children of this process

    figures = soak(place, writers=8, entries=600, kills=20)

    assert (figures.alarms, figures.first_alarm, figures.lost, figures.gaps, figures.deadlocks) == (0, "", 0, 0, 0)
    assert figures.entries > 8 * 600
    assert figures.killed + figures.sessions_ended == 20
    assert figures.rolled_back > 0
    assert figures.savepoints_rolled_back > 0
    assert figures.verifications > 4
    assert figures.checkpoints > 2
