import pytest

from backups import installation
from backups.opening import opening_fault
from tests import database


@pytest.fixture
def reader(installed):
    with installation.reader().connect(autocommit=True) as connection:
        yield connection


def tamper(statement, *values):
    with database.as_admin() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement, values)


def test_opening_fault_finds_nothing_wrong_with_good_data(installed, reader):
    assert opening_fault(reader, installed.organisation.pk) == ""
    assert opening_fault(reader, installed.other.pk) == ""


def test_opening_fault_names_the_table_whose_value_was_altered(installed, reader):
    tamper("UPDATE access_staff SET first_name = set_byte(first_name, 40, get_byte(first_name, 40) # 1)")

    assert opening_fault(reader, installed.organisation.pk) == "a value in access_staff does not open"


def test_opening_fault_notices_values_that_changed_places(installed, reader):
    tamper("UPDATE access_staff SET first_name = last_name")

    assert opening_fault(reader, installed.organisation.pk) == "a value in access_staff does not open"


def test_opening_fault_notices_that_the_keys_are_gone(installed, reader):
    tamper("DELETE FROM access_data_key WHERE organisation_id = %s", installed.organisation.pk)

    assert "data key does not open" in opening_fault(reader, installed.organisation.pk)
    assert opening_fault(reader, installed.other.pk) == ""


def test_opening_fault_notices_a_resident_s_missing_key(installed, reader):
    installed.admit()
    assert opening_fault(reader, installed.organisation.pk) == ""

    tamper("DELETE FROM access_data_key WHERE purpose = 'resident'")

    assert "does not open" in opening_fault(reader, installed.organisation.pk)


def test_opening_fault_accepts_that_an_erased_resident_stays_closed(installed, reader):
    installed.admit()
    tamper("UPDATE access_data_key SET wrapped = NULL, destroyed_at = now() WHERE purpose = 'resident'")

    assert opening_fault(reader, installed.organisation.pk) == ""
