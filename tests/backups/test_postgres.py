import pytest

from backups.errors import NoDatabase, ToolMissing
from backups.postgres import Address, complaint, program

URL = "postgresql://carehome_backup:s%40cret@/carehome?host=/run/sock"


def test_address_reads_a_socket_url():
    address = Address.of(URL)

    assert (address.database, address.role) == ("carehome", "carehome_backup")


def test_address_at_changes_the_database_only():
    address = Address.of(URL).at("scratch")

    assert (address.database, address.role) == ("scratch", "carehome_backup")


def test_address_on_server_of_takes_place_from_the_one_and_role_from_the_other():
    address = Address.of(URL).on_server_of(Address.of("postgresql://admin:x@db.example:5433/other"))

    assert (address.database, address.role) == ("other", "carehome_backup")
    assert "db.example" in address.conninfo
    assert "s@cret" in address.conninfo


def test_address_refuses_what_is_no_address():
    with pytest.raises(NoDatabase):
        Address.of("postgresql://user@host/db?nonsense=1")


def test_child_keeps_the_password_off_the_command_line():
    arguments, environment = Address.of(URL).child()

    assert not any("s@cret" in argument for argument in arguments)
    assert environment["PGPASSWORD"] == "s@cret"


def test_child_hands_on_no_setting_of_ours(monkeypatch):
    monkeypatch.setenv("DATABASE_OWNER_URL", "secret")
    monkeypatch.setenv("PGOPTIONS", "-c row_security=off")

    _, environment = Address.of(URL).child()

    assert not [name for name in environment if name in {"DATABASE_OWNER_URL", "PGOPTIONS"}]


def test_program_refuses_another_major_version():
    with pytest.raises(ToolMissing, match="PostgreSQL 11 was not found"):
        program("pg_dump", 11)


def test_complaint_keeps_the_reason_and_drops_values_out_of_rows():
    stderr = (
        "pg_restore: connecting\n"
        'pg_restore: error: could not execute query: ERROR:  invalid value "Edith Barton" in table "records_resident"\n'
        "DETAIL: Key (name)=(Edith Barton) exists.\n"
    )

    said = complaint(stderr)

    assert "invalid value" in said
    assert "records_resident" in said
    assert "Edith" not in said


def test_complaint_is_never_empty():
    assert complaint("") == "no reason was given"
