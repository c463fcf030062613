import json
from datetime import timedelta

import pytest

from backups import installation, knowledge, services, sets
from backups.errors import OlderSet, SetNotFound
from backups.models import BackupRun


def manifest_of(run):
    return sets.read_manifest(installation.destination(), run.set_name, installation.public_keys())


def anchor(settings, organisation, *lines):
    settings.AUDIT_ANCHOR_DIR.mkdir(exist_ok=True)
    (settings.AUDIT_ANCHOR_DIR / f"{organisation.pk}.jsonl").write_text("\n".join(lines) + "\n")


def test_chosen_set_is_the_newest_that_our_records_know(here):
    services.make_backup()
    newest = services.make_backup()

    assert knowledge.chosen_set(installation.destination(), None).id == newest.pk


def test_chosen_set_does_not_look_elsewhere_for_the_newest_of_a_destination(here, destination):
    """A copy to another place does not hide that the newest set of this one is gone."""
    services.make_backup()
    gone = services.make_backup()
    services.make_backup(destination=destination)
    installation.destination().remove(gone.set_name)

    with pytest.raises(SetNotFound, match=gone.set_name):
        knowledge.chosen_set(installation.destination(), None)


def test_chosen_set_falls_back_to_the_destination_where_the_database_knows_none(here):
    newest = services.make_backup()
    BackupRun.objects.filter(pk=newest.pk).update(destination="file:///elsewhere")

    assert knowledge.chosen_set(installation.destination(), None).id == newest.pk


def test_chosen_set_says_when_there_is_none(here):
    with pytest.raises(SetNotFound):
        knowledge.chosen_set(installation.destination(), None)


def test_refuse_older_passes_the_newest(here):
    run = services.make_backup()

    knowledge.refuse_older(manifest_of(run), installation.destination())


def test_refuse_older_names_the_newer_set_at_the_destination(here):
    older, newest = services.make_backup(), services.make_backup()

    with pytest.raises(OlderSet, match=newest.set_name):
        knowledge.refuse_older(manifest_of(older), installation.destination())


def test_refuse_older_remembers_a_newer_set_that_was_deleted(here):
    older, newest = services.make_backup(), services.make_backup()
    installation.destination().remove(newest.set_name)

    with pytest.raises(OlderSet, match=newest.set_name):
        knowledge.refuse_older(manifest_of(older), installation.destination())


def test_refuse_older_believes_anchored_checkpoints_when_every_newer_trace_is_gone(here, settings):
    run = services.make_backup()
    manifest = manifest_of(run)
    size = manifest.ledger_size(str(here.organisation.pk))
    later = (manifest.created_at + timedelta(days=3)).isoformat()
    anchor(settings, here.organisation, json.dumps({"size": size + 12, "signed_at": later, "note": ""}))

    with pytest.raises(OlderSet, match="12 entries and 3 days"):
        knowledge.refuse_older(manifest, installation.destination())


def test_refuse_older_knows_that_the_ledger_goes_on_after_the_night_s_backup(here, settings):
    manifest = manifest_of(services.make_backup())
    size = manifest.ledger_size(str(here.organisation.pk))
    same_day = (manifest.created_at + timedelta(hours=20)).isoformat()
    anchor(settings, here.organisation, json.dumps({"size": size + 500, "signed_at": same_day, "note": ""}))

    knowledge.refuse_older(manifest, installation.destination())
    assert knowledge.behind_anchors(manifest) == knowledge.Behind(500, timedelta(hours=20))


def test_behind_anchors_passes_over_a_torn_line(here, settings):
    manifest = manifest_of(services.make_backup())
    anchor(settings, here.organisation, '{"size": 5', "", "[]", '{"size": "x", "signed_at": "y"}')

    assert knowledge.behind_anchors(manifest) == knowledge.Behind(0, timedelta(0))
