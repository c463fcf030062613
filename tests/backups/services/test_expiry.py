from datetime import timedelta

import pytest

from backups import installation, services
from backups.errors import AlreadyRunning
from backups.models import BackupRun
from backups.retention import Retention
from tests.backups.installed import entries


@pytest.fixture
def only_newest(monkeypatch):
    monkeypatch.setattr(installation, "retention", lambda: Retention(daily=0, weekly=0, recent=timedelta(0)))


def test_expire_sets_deletes_what_retention_does_not_keep(here, only_newest):
    old, newest = services.make_backup(), services.make_backup()

    assert services.expire_sets() == [old.set_name]

    assert installation.destination().names() == [newest.set_name]
    assert BackupRun.objects.get(pk=old.pk).expired_at is not None
    assert BackupRun.objects.get(pk=newest.pk).expired_at is None
    assert entries(here.other, "backups.backup.expired") == [{"set": old.set_name}]


def test_expire_sets_leaves_a_faulty_set_for_people_to_look_at(here, only_newest, sets_folder):
    faulty = services.make_backup()
    services.make_backup()
    (sets_folder / faulty.set_name / "manifest.sig").write_text("ed25519 0 AAAA\n")

    assert services.expire_sets() == []


def test_expire_sets_keeps_all_of_the_last_day_by_default(here):
    services.make_backup()
    services.make_backup()

    assert services.expire_sets() == []


def test_expire_sets_waits_while_a_backup_runs(here):
    with installation.only_one(), pytest.raises(AlreadyRunning):
        services.expire_sets()
