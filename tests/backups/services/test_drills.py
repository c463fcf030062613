import shutil
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError
from django.utils import timezone

from access.actors import Actor
from access.errors import NotPermitted
from access.tenancy import acting_for
from access.wrapping import wrapping_key
from backups import installation, services
from backups.drill import scratch_prefix
from backups.errors import AlreadyRunning
from backups.models import RestoreDrill
from backups.postgres import databases_starting
from carehome.embedded.secrets import write_keys
from tests.backups.installed import entries


def drill_of(organisation):
    with acting_for(organisation.pk):
        return RestoreDrill.objects.get(organisation_id=organisation.pk)


def scratches():
    owner = installation.owner()
    return databases_starting(owner, scratch_prefix(owner.database))


def test_run_drill_passes_and_tells_each_organisation_its_own_figures_only(installed):
    run = services.make_backup()

    report = services.run_drill()

    assert report.good
    for organisation in (installed.organisation, installed.other):
        drill = drill_of(organisation)
        assert drill.passed, drill.detail
        assert drill.backup_id == run.pk
        assert drill.took > timedelta(0)
        assert drill.older_than_newest is False
        assert drill.detail == ""
    assert scratches() == []
    (own,) = entries(installed.organisation, "backups.drill.run")
    (others,) = entries(installed.other, "backups.drill.run")
    assert own["passed"] is True
    assert own["rows"] == drill_of(installed.organisation).rows
    assert own["rows"] > others["rows"] > 0
    with acting_for(installed.other.pk):
        assert not RestoreDrill.objects.filter(organisation_id=installed.organisation.pk).exists()


def test_run_drill_is_never_green_without_the_identity(here, settings, tmp_path):
    services.make_backup()
    settings.AGE_IDENTITY_FILE = tmp_path / "none"

    report = services.run_drill()

    drill = drill_of(here.organisation)
    assert not report.good
    assert not drill.passed
    assert drill.restored is False
    assert "identity is not on this machine" in drill.detail
    assert drill.finished_at is not None


def test_run_drill_is_never_green_without_a_backup(here):
    report = services.run_drill()

    assert not report.good
    assert drill_of(here.organisation).detail == "There is no backup to restore yet."


def test_run_drill_is_never_green_without_the_owner_s_address(here, settings):
    services.make_backup()
    settings.DATABASE_OWNER_URL = ""

    services.run_drill()

    assert "DATABASE_OWNER_URL" in drill_of(here.organisation).detail


def test_run_drill_notices_that_the_newest_set_is_gone(here, sets_folder):
    services.make_backup()
    newest = services.make_backup()
    shutil.rmtree(sets_folder / newest.set_name)

    report = services.run_drill()

    assert not report.good
    assert newest.set_name in drill_of(here.organisation).detail


def test_run_drill_notices_an_older_set_in_the_newest_one_s_place(here, sets_folder):
    older = services.make_backup()
    newest = services.make_backup()
    shutil.rmtree(sets_folder / newest.set_name)
    (sets_folder / older.set_name).rename(sets_folder / newest.set_name)

    report = services.run_drill()

    assert not report.good
    assert "renamed or put back" in drill_of(here.organisation).detail


def test_run_drill_of_an_older_set_states_that_as_a_fact(installed):
    older = services.make_backup()
    newest = services.make_backup()

    report = services.run_drill(name=older.set_name)

    assert report.good
    assert report.newer == (newest.set_name,)
    assert drill_of(installed.organisation).older_than_newest is True


def test_run_drill_fails_under_another_wrapping_key(installed, settings, tmp_path):
    services.make_backup()
    write_keys(tmp_path / "other-keys")
    kept = settings.WRAPPING_KEY_FILE
    settings.WRAPPING_KEY_FILE = tmp_path / "other-keys" / "wrapping.key"
    shutil.copy(settings.WRAPPING_KEY_FILE, tmp_path / "probe")
    wrapping_key.cache_clear()

    try:
        report = services.run_drill()
    finally:
        settings.WRAPPING_KEY_FILE = kept
        wrapping_key.cache_clear()

    drill = drill_of(installed.organisation)
    assert not report.good
    assert drill.restored is True
    assert drill.decrypted is False
    assert "Decryption: the organisation's data key does not open" in drill.detail


def test_run_drill_says_so_for_an_organisation_that_the_set_does_not_know(installed):
    from access.services import create_organisation

    services.make_backup()
    newcomer = create_organisation(actor_ref="system:test", name="New House", code="new-house")

    services.run_drill()

    drill = drill_of(newcomer)
    assert not drill.passed
    assert drill.detail == "The set was made before this organisation was added."
    assert drill_of(installed.organisation).passed


def test_run_drill_refuses_to_run_twice_at_once(here):
    with installation.only_one(), pytest.raises(AlreadyRunning):
        services.run_drill()

    assert not RestoreDrill.objects.filter(organisation_id=here.organisation.pk).exists()


def test_run_drill_closes_drills_whose_process_is_gone(here):
    gone = uuid4()
    from backups.services import drills

    drills._begin(gone)

    services.run_drill()

    stopped = RestoreDrill.objects.get(organisation_id=here.organisation.pk, run_id=gone)
    assert stopped.finished_at is not None
    assert not stopped.passed
    assert "stopped before" in stopped.detail


def test_a_drill_cannot_be_written_without_a_ledger_entry(here, settle):
    RestoreDrill.objects.create(
        organisation_id=here.organisation.pk, run_id=uuid4(), started_at=timezone.now(), restored=True
    )

    with pytest.raises(IntegrityError, match="no ledger entry names it"):
        settle()


def test_request_drill_is_told_in_the_ledger(here):
    services.request_drill(actor=Actor.of(here.person("administrator")))

    assert len(entries(here.organisation, "backups.drill.requested")) == 1


def test_request_drill_is_for_administrators(here):
    with pytest.raises(NotPermitted):
        services.request_drill(actor=Actor.of(here.person("registered_manager")))
