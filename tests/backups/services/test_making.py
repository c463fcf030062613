from datetime import timedelta

import pytest
from django.utils import timezone

from access.actors import Actor
from access.errors import NotPermitted
from audit.verification import verify_organisation
from backups import installation, services
from backups.errors import AlreadyRunning, DestinationUnusable, NoDatabase, NoRecipients
from backups.models import BackupRun
from backups.services import making
from backups.sets import known_sets
from tests.backups.installed import entries


def test_make_backup_records_the_set_it_made(here, sets_folder):
    run = services.make_backup()

    (manifest,) = known_sets(installation.destination(), installation.public_keys()).manifests
    stored = BackupRun.objects.get()
    assert (stored.pk, stored.state) == (run.pk, BackupRun.State.MADE)
    assert (stored.pk, stored.set_name, stored.sha256) == (manifest.id, manifest.name, manifest.sha256)
    assert stored.size == (sets_folder / manifest.name / "data.pgdump.zst.age").stat().st_size
    assert stored.covers_until == manifest.created_at
    assert stored.took > timedelta(0)


def test_make_backup_covers_every_organisation(installed):
    services.make_backup()

    (manifest,) = known_sets(installation.destination(), installation.public_keys()).manifests
    assert set(manifest.organisations) == {str(installed.organisation.pk), str(installed.other.pk)}
    assert manifest.tables["access_staff"] == 3
    assert len(manifest.wrapping_keys) == 1


def test_make_backup_tells_each_organisation_its_own_figures_only(installed):
    services.make_backup()

    (own,) = entries(installed.organisation, "backups.backup.made")
    (others,) = entries(installed.other, "backups.backup.made")
    assert own["set"] == others["set"]
    assert own["rows"] > others["rows"] > 0
    assert own["entries"] > others["entries"] > 0
    assert verify_organisation(installed.organisation.pk).ok


def test_make_backup_goes_where_it_is_told(here, destination):
    run = services.make_backup(destination=destination)

    assert destination.names() == [run.set_name]
    assert installation.destination().names() == []


def test_make_backup_keeps_nothing_and_says_why_without_recipients(here, settings, tmp_path):
    settings.AGE_RECIPIENTS_FILE = tmp_path / "none"

    with pytest.raises(NoRecipients):
        services.make_backup()

    run = BackupRun.objects.get()
    assert run.state == BackupRun.State.FAILED
    assert "recipients" in run.error
    assert installation.destination().names() == []
    assert entries(here.other, "backups.backup.failed") == [{"reason": run.error}]


def test_make_backup_says_why_when_the_destination_cannot_be_written(here, settings, tmp_path):
    (tmp_path / "file").write_text("in the way")
    settings.BACKUP_DESTINATION = (tmp_path / "file").as_uri()

    with pytest.raises(DestinationUnusable):
        services.make_backup()

    assert BackupRun.objects.get().state == BackupRun.State.FAILED


def test_make_backup_says_why_without_the_reading_role(here, settings):
    settings.DATABASE_BACKUP_URL = ""

    with pytest.raises(NoDatabase):
        services.make_backup()

    assert "DATABASE_BACKUP_URL" in BackupRun.objects.get().error


def test_make_backup_sweeps_what_a_stopped_process_left(here, sets_folder):
    leftover = sets_folder / ".20261122T013000Z-0000000a.partial"
    leftover.mkdir(parents=True)

    services.make_backup()

    assert not leftover.exists()


def test_make_backup_refuses_to_run_twice_at_once(here):
    with installation.only_one(), pytest.raises(AlreadyRunning):
        services.make_backup()

    assert not BackupRun.objects.exists()


def test_make_backup_fulfils_the_run_that_waits(here):
    waiting = services.request_backup(actor=Actor.of(here.person("administrator")))

    run = services.make_backup()

    assert run.pk == waiting.pk
    assert BackupRun.objects.count() == 1


def test_make_backup_closes_runs_whose_process_is_gone(here):
    gone = BackupRun.objects.create(state=BackupRun.State.RUNNING, started_at=timezone.now())

    services.make_backup()

    gone.refresh_from_db()
    assert gone.state == BackupRun.State.FAILED
    assert "stopped before" in gone.error


def test_make_backup_knows_its_own_set_in_a_database_that_was_restored_from_it(here):
    """A set holds its own run as it stood while the set was made."""
    run = services.make_backup()
    BackupRun.objects.filter(pk=run.pk).update(state="running", finished_at=None, covers_until=None, size=None)

    services.make_backup()

    before = (run.set_name, run.covers_until, run.size)
    run.refresh_from_db()
    assert run.state == BackupRun.State.MADE
    assert (run.set_name, run.covers_until, run.size) == before


def test_make_backup_keeps_no_set_when_the_manifest_cannot_be_signed(here, monkeypatch):
    class BrokenSigner:
        key_id = "0"

        def sign(self, message):
            raise DestinationUnusable("The signer is away.")

    monkeypatch.setattr(making.installation, "signing_key", BrokenSigner)

    with pytest.raises(DestinationUnusable):
        services.make_backup()

    assert installation.destination().names() == []


def test_request_backup_waits_once_and_is_told_in_the_ledger(here):
    administrator = Actor.of(here.person("administrator"))

    first = services.request_backup(actor=administrator)
    second = services.request_backup(actor=administrator)

    assert first.pk == second.pk
    assert first.state == BackupRun.State.WAITING
    assert len(entries(here.organisation, "backups.backup.requested")) == 2
    assert entries(here.other, "backups.backup.requested") == []


@pytest.mark.parametrize("role", ["carer", "registered_manager"])
def test_request_backup_is_for_administrators(here, role):
    with pytest.raises(NotPermitted):
        services.request_backup(actor=Actor.of(here.person(role)))

    assert not BackupRun.objects.exists()
