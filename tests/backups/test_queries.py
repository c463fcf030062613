from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from access.models import Organisation
from backups import queries, services
from backups.models import BackupRun


def made(covers_until):
    return BackupRun.objects.create(
        state=BackupRun.State.MADE, started_at=covers_until, finished_at=covers_until, covers_until=covers_until, size=1
    )


def test_backup_is_due_before_the_first(here):
    assert queries.backup_is_due()


def test_backup_is_due_when_the_newest_is_a_day_old(here):
    now = timezone.now()
    made(now - timedelta(hours=23))

    assert not queries.backup_is_due(now)
    assert queries.backup_is_due(now + timedelta(hours=1))


def test_backup_is_due_as_soon_as_the_strictest_organisation_says(here):
    from access.tenancy import acting_for

    now = timezone.now()
    made(now - timedelta(hours=5))
    with acting_for(here.other.pk):
        Organisation.objects.filter(pk=here.other.pk).update(rpo=timedelta(hours=4))

    assert queries.backup_is_due(now)


def test_backup_is_due_at_once_when_a_person_waits(here):
    made(timezone.now())
    BackupRun.objects.create()

    assert queries.backup_is_due()


def test_backup_is_not_tried_again_within_an_hour_of_a_failure(here):
    now = timezone.now()
    BackupRun.objects.create(state=BackupRun.State.FAILED, finished_at=now, error="The disk is full.")

    assert not queries.backup_is_due(now + timedelta(minutes=59))
    assert queries.backup_is_due(now + timedelta(minutes=61))


def test_a_set_that_expired_does_not_count(here):
    run = made(timezone.now())
    BackupRun.objects.filter(pk=run.pk).update(expired_at=timezone.now())

    assert queries.latest_backup() is None
    assert queries.backup_is_due()


def test_drill_is_due_once_there_is_a_set_and_again_after_a_day(here):
    assert not queries.drill_is_due()

    services.make_backup()
    assert queries.drill_is_due()

    services.run_drill()
    assert not queries.drill_is_due()
    assert queries.drill_is_due(timezone.now() + timedelta(hours=25))


def test_restore_drills_gives_those_that_ended_in_the_period(installed):
    services.make_backup()
    services.run_drill()
    now, organisation = timezone.now(), installed.organisation.pk

    assert [drill.passed for drill in queries.restore_drills(organisation, now - timedelta(hours=1), now)] == [True]
    assert list(queries.restore_drills(organisation, now, now + timedelta(days=1))) == []
    assert queries.latest_drill(organisation).passed
    assert queries.running_drill(organisation) is None


def test_recent_runs_are_newest_first(here):
    older, newer = made(timezone.now() - timedelta(days=1)), made(timezone.now())
    BackupRun.objects.filter(pk=older.pk).update(requested_at=timezone.now() - timedelta(days=1))

    assert [run.pk for run in queries.recent_runs()] == [newer.pk, older.pk]
    assert len(queries.recent_runs(1)) == 1


@pytest.mark.parametrize(
    ("now", "backup_at", "drill_at"),
    [
        ((2026, 11, 23, 0, 0), (2026, 11, 23, 1, 30), (2026, 11, 23, 3, 0)),  # winter: London is UTC
        ((2026, 11, 23, 2, 0), (2026, 11, 24, 1, 30), (2026, 11, 23, 3, 0)),
        ((2026, 7, 1, 12, 0), (2026, 7, 2, 0, 30), (2026, 7, 2, 2, 0)),  # summer: London is an hour ahead
    ],
)
def test_next_runs_are_london_s_nights(now, backup_at, drill_at):
    following = queries.next_runs(datetime(*now, tzinfo=UTC))

    assert following.backup_at == datetime(*backup_at, tzinfo=UTC)
    assert following.drill_at == datetime(*drill_at, tzinfo=UTC)
