import io
import json

import psycopg
import pytest
from django.core.management import CommandError, call_command

from backups import installation, services
from backups.postgres import drop_database
from tests.backups.installed import entries


def run(*arguments):
    """Exit code, what stands on stdout, what stands on stderr."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
    return 0, out.getvalue(), err.getvalue()


@pytest.fixture
def target(places, db):
    """The address of a database that is not there yet."""
    owner = installation.owner()
    new = owner.at(f"{owner.database}_restored")
    yield new
    drop_database(owner, new.database)


def test_backup_prints_where_the_set_is(here, tmp_path):
    code, out, err = run("backup", "--to", str(tmp_path / "usb"), "--json")

    answer = json.loads(out)
    assert code == 0
    assert (tmp_path / "usb" / answer["set"] / "manifest.json").is_file()
    assert answer["bytes"] > 0
    assert "Making a backup" in err


def test_backup_could_not_run_is_exit_2(here, settings, tmp_path):
    settings.AGE_RECIPIENTS_FILE = tmp_path / "none"

    code, out, err = run("backup", "--json")

    assert code == 2
    assert json.loads(out)["kind"] == "NoRecipients"
    assert "recipients" in err


def test_backup_refuses_a_destination_it_does_not_know(here):
    code, _, err = run("backup", "--to", "s3://bucket")

    assert code == 2
    assert "s3" in err


def test_backup_verify_says_good(here):
    name = services.make_backup().set_name

    code, out, _ = run("backup_verify", name, "--open", "--json")

    assert code == 0
    assert json.loads(out) | {"ok": True, "opened": True, "newer_sets": []} == json.loads(out)


def test_backup_verify_needs_no_identity_unless_it_shall_open(here, settings, tmp_path):
    name = services.make_backup().set_name
    settings.AGE_IDENTITY_FILE = tmp_path / "none"

    assert run("backup_verify", name)[0] == 0
    assert run("backup_verify", name, "--open")[0] == 2


def test_backup_verify_names_what_is_wrong(here, sets_folder):
    name = services.make_backup().set_name
    data = sets_folder / name / "data.pgdump.zst.age"
    data.write_bytes(data.read_bytes()[:-1])

    code, out, err = run("backup_verify", str(sets_folder / name), "--json")

    assert code == 1
    assert json.loads(out)["kind"] == "DataDamaged"
    assert "cut" in err


def test_backup_verify_says_when_there_is_no_such_set(here):
    assert run("backup_verify", "20261123T013000Z-00000000")[0] == 2


def test_restore_brings_a_house_back_into_a_new_database(installed, target):
    name = services.make_backup().set_name

    code, out, err = run("restore", name, "--into", target.conninfo, "--json")

    answer = json.loads(out)
    assert code == 0, err
    assert answer["ok"] is True
    assert answer["count_differences"] == {}
    with psycopg.connect(installation.reader().at(target.database).conninfo) as connection:
        assert connection.execute("SELECT count(*) FROM access_staff").fetchone() == (3,)
    assert entries(installed.organisation, "backups.restore.started") == [{"set": name, "database": target.database}]


def test_restore_refuses_an_older_set_unless_told(here, target):
    older = services.make_backup().set_name
    newest = services.make_backup().set_name

    code, _, err = run("restore", older, "--into", target.conninfo)
    allowed, out, _ = run("restore", older, "--into", target.conninfo, "--allow-older", "--json")

    assert code == 1
    assert newest in err
    assert allowed == 0
    assert json.loads(out)["set"] == older


def test_restore_refuses_a_database_that_holds_tables(here):
    name = services.make_backup().set_name

    code, _, err = run("restore", name, "--into", installation.owner().conninfo)

    assert code == 2
    assert "already holds tables" in err


def test_restore_refuses_an_address_it_cannot_read(here):
    name = services.make_backup().set_name

    assert run("restore", name, "--into", "mysql://x")[0] == 2


def test_restore_says_exit_1_for_a_damaged_set_and_makes_no_database(here, target, sets_folder):
    name = services.make_backup().set_name
    data = sets_folder / name / "data.pgdump.zst.age"
    data.write_bytes(b"x" + data.read_bytes()[1:])

    code, _, _ = run("restore", name, "--into", target.conninfo)

    assert code == 1
    with psycopg.connect(installation.owner().conninfo) as connection:
        found = connection.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [target.database]).fetchone()
    assert found == (0,)


def test_restore_drill_prints_what_it_found(installed):
    services.make_backup()

    code, out, err = run("restore_drill", "--json")

    answer = json.loads(out)
    assert code == 0, err
    assert set(answer["organisations"]) == {str(installed.organisation.pk), str(installed.other.pk)}
    assert answer["took_seconds"] > 0


def test_restore_drill_names_what_is_wrong(here, sets_folder):
    name = services.make_backup().set_name
    (sets_folder / name / "manifest.sig").write_text("ed25519 0 AAAA\n")

    code, out, _ = run("restore_drill", "--json")

    assert code == 1
    assert json.loads(out)["kind"] == "SignatureWrong"


def test_restore_drill_could_not_run_is_exit_2(here, settings, tmp_path):
    services.make_backup()
    settings.AGE_IDENTITY_FILE = tmp_path / "none"

    code, out, err = run("restore_drill", "--json")

    assert code == 2
    assert "identity" in err
    assert json.loads(out)["ok"] is False


def test_commands_print_words_without_json(here):
    name = services.make_backup().set_name

    _, out, _ = run("backup_verify", name)

    assert "ok: yes" in out
    assert "newer sets: none" in out
