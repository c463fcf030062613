from celery.schedules import crontab

from access.actors import Actor
from backups import installation, services, tasks
from backups.models import BackupRun
from backups.queries import latest_drill
from backups.schedule import SCHEDULE
from carehome.celery import app


def test_schedule_names_tasks_that_exist_on_the_backups_queue():
    app.loader.import_default_modules()

    for entry in SCHEDULE.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["queue"] == "backups"


def test_schedule_makes_a_backup_every_night_at_half_past_one():
    assert SCHEDULE["backups.make"]["schedule"] == crontab(hour=1, minute=30)


def test_make_backup_ends_quietly_while_another_runs(here):
    with installation.only_one():
        tasks.make_backup()

    assert not BackupRun.objects.exists()


def test_run_restore_drill_ends_quietly_while_another_runs(here):
    with installation.only_one():
        tasks.run_restore_drill()

    assert latest_drill(here.organisation.pk) is None


def test_backup_if_due_makes_one_and_then_leaves_it_at_that(here):
    tasks.backup_if_due()
    tasks.backup_if_due()

    assert BackupRun.objects.count() == 1


def test_backup_if_wanted_makes_the_first_and_those_that_people_ask_for(here):
    tasks.backup_if_wanted()
    tasks.backup_if_wanted()
    assert BackupRun.objects.count() == 1

    services.request_backup(actor=Actor.of(here.person("administrator")))
    tasks.backup_if_wanted()

    assert [run.state for run in BackupRun.objects.all()] == ["made", "made"]


def test_drill_if_due_tests_the_first_backup_once(installed):
    tasks.drill_if_due()
    assert latest_drill(installed.organisation.pk) is None

    services.make_backup()
    tasks.drill_if_due()
    first = latest_drill(installed.organisation.pk)
    tasks.drill_if_due()

    assert first.passed
    assert latest_drill(installed.organisation.pk).pk == first.pk
