from dataclasses import replace

import pytest
from pyrage import x25519

from backups.destinations import DATA
from backups.drill import count_differences, run_drill, scratch_database, scratch_prefix
from backups.errors import DataDamaged, NoDatabase, RestoreFailed, TargetNotEmpty, WrongIdentity
from backups.manifest import LedgerMark, OrganisationMark
from backups.postgres import create_database, databases_starting, drop_database
from backups.restoring import restore_into
from tests.backups.house import FIRST, SECOND


@pytest.fixture
def run(destination, identity):
    """Drill a set; every organisation's values open unless told otherwise."""

    def ran(house, manifest, **changes):
        arguments = {
            "destination": destination,
            "manifest": manifest,
            "identities": [identity],
            "roles": house.roles,
            "anchored": lambda organisation: [],
            "opens_records": lambda connection, organisation: "",
        }
        return run_drill(**{**arguments, **changes})

    return ran


def test_run_drill_passes_on_a_good_set(kept_house, make, run):
    outcome = run(kept_house, make(kept_house))

    assert outcome.good
    assert outcome.took.total_seconds() > 0
    assert {key: found.entries for key, found in outcome.organisations.items()} == {str(FIRST): 3, str(SECOND): 2}


def test_run_drill_verifies_the_ledger_of_a_set_made_before_an_upgrade(old_house, make, run):
    outcome = run(old_house, make(old_house))

    assert {found.ledger for found in outcome.organisations.values()} == {""}


def test_run_drill_leaves_no_scratch_database(kept_house, make, run, scratches):
    run(kept_house, make(kept_house))

    assert scratches() == []


def test_run_drill_drops_what_a_crashed_drill_left(kept_house, make, run, scratches):
    create_database(kept_house.roles.owner, scratch_prefix("kept") + "leftover")

    run(kept_house, make(kept_house))

    assert scratches() == []


def test_scratch_database_leaves_alone_what_is_another_installation_s(kept_house):
    others = scratch_prefix("another_live_database") + "running"
    create_database(kept_house.roles.owner, others)

    with scratch_database(kept_house.roles):
        found = databases_starting(kept_house.roles.owner, others)

    assert found == [others]
    drop_database(kept_house.roles.owner, others)


def test_scratch_database_is_dropped_when_the_drill_fails(kept_house, scratches):
    class Stop(Exception):
        pass

    def stops():
        with scratch_database(kept_house.roles):
            assert len(scratches()) == 1
            raise Stop

    with pytest.raises(Stop):
        stops()

    assert scratches() == []


def test_scratch_database_is_closed_to_everyone_not_let_in(kept_house):
    with scratch_database(kept_house.roles) as scratch, scratch.owner.connect() as connection:
        row = connection.execute(
            "SELECT has_database_privilege('pg_read_all_data', current_database(), 'CONNECT')"
        ).fetchone()

    assert row == (False,)


def test_run_drill_names_the_table_that_lost_rows(kept_house, make, run):
    manifest = make(kept_house)
    short = replace(manifest, tables={**manifest.tables, "note": manifest.tables["note"] + 1})

    outcome = run(kept_house, short)

    assert not outcome.good
    assert outcome.counts == {"note": (21, 20)}


def test_run_drill_names_the_organisation_whose_rows_differ(kept_house, make, run):
    manifest = make(kept_house)
    mark = manifest.organisations[str(FIRST)]
    changed = {**manifest.organisations, str(FIRST): OrganisationMark(rows=mark.rows + 2, ledger=mark.ledger)}

    outcome = run(kept_house, replace(manifest, organisations=changed))

    assert "25 of 27 rows" in outcome.organisations[str(FIRST)].counts
    assert outcome.organisations[str(SECOND)].good


def test_run_drill_notices_another_schema(kept_house, make, run):
    outcome = run(kept_house, replace(make(kept_house), schema="0" * 64))

    assert not outcome.schema_matches
    assert not outcome.good


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        ("UPDATE audit_event SET actor = 'staff:y' WHERE organisation_id = %s", "altered"),
        ("DELETE FROM audit_event WHERE organisation_id = %s", "missing"),
        ("DELETE FROM audit_seal WHERE organisation_id = %s AND seq = 2", "missing"),
    ],
)
def test_run_drill_finds_a_ledger_that_was_tampered_with_before_the_backup(house, make, run, tampering, said):
    house.change("ALTER TABLE audit_event DISABLE TRIGGER USER")
    house.change("ALTER TABLE audit_seal DISABLE TRIGGER USER")
    house.change(tampering, FIRST)

    outcome = run(house, make(house))

    assert said in outcome.organisations[str(FIRST)].ledger
    assert outcome.organisations[str(SECOND)].good
    assert not outcome.good


def test_run_drill_finds_a_ledger_that_ends_elsewhere_than_the_manifest_says(kept_house, make, run):
    manifest = make(kept_house)
    mark = manifest.organisations[str(FIRST)]
    further = OrganisationMark(rows=mark.rows, ledger=LedgerMark(size=4, digest="d" * 64))

    outcome = run(kept_house, replace(manifest, organisations={**manifest.organisations, str(FIRST): further}))

    assert "ends at entry 3, not at 4" in outcome.organisations[str(FIRST)].ledger


def test_run_drill_holds_the_ledger_against_anchored_checkpoints(house, make, run):
    """A ledger that was rewritten as a whole still chains; the note kept outside says otherwise."""
    note = house.sign_checkpoint(FIRST)
    house.change("ALTER TABLE audit_checkpoint DISABLE TRIGGER USER")
    house.change("DELETE FROM audit_checkpoint")
    for table in ("audit_event", "audit_seal", "audit_head", "audit_mention"):
        house.change(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        house.change(f"DELETE FROM {table} WHERE organisation_id = %s", FIRST)
        house.change(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    house.add(FIRST, residents=5)
    manifest = make(house)

    unaware = run(house, manifest)
    aware = run(house, manifest, anchored=lambda organisation: [note] if organisation == FIRST else [])

    assert unaware.organisations[str(FIRST)].ledger == ""
    assert "fork" in aware.organisations[str(FIRST)].ledger


def test_run_drill_passes_over_checkpoints_signed_after_the_backup(house, make, run):
    manifest = make(house)
    house.add(FIRST)
    note = house.sign_checkpoint(FIRST)

    outcome = run(house, manifest, anchored=lambda organisation: [note] if organisation == FIRST else [])

    assert outcome.good


def test_run_drill_finds_a_checkpoint_signed_by_a_stranger(house, make, run):
    house.sign_checkpoint(FIRST)
    house.change("ALTER TABLE audit_checkpoint DISABLE TRIGGER USER")
    house.change("UPDATE audit_checkpoint SET note = replace(note, 'chain ', 'chain A')")

    outcome = run(house, make(house))

    assert "bad checkpoint" in outcome.organisations[str(FIRST)].ledger


def test_run_drill_finds_a_table_without_its_wall(house, make, run):
    with house.roles.owner.connect() as connection:
        connection.execute("ALTER TABLE note DISABLE ROW LEVEL SECURITY")

    outcome = run(house, make(house))

    assert outcome.organisations[str(FIRST)].wall == "rows can be read without an organisation in note"


def test_run_drill_finds_a_wall_with_a_hole_between_organisations(house, make, run):
    with house.roles.owner.connect() as connection:
        connection.execute("CREATE POLICY hole ON note USING (current_setting('app.organisation', true) <> '')")

    outcome = run(house, make(house))

    assert outcome.organisations[str(SECOND)].wall == "not exactly the organisation's own rows can be read in note"


def test_run_drill_finds_a_wall_that_hides_an_organisation_s_own_rows(house, make, run):
    with house.roles.owner.connect() as connection:
        connection.execute("ALTER POLICY note_tenant ON note USING (false)")

    outcome = run(house, make(house))

    assert not outcome.organisations[str(FIRST)].good


def test_run_drill_tells_when_values_do_not_open(kept_house, make, run):
    outcome = run(
        kept_house,
        make(kept_house),
        opens_records=lambda connection, organisation: "does not open" if organisation == SECOND else "",
    )

    assert outcome.organisations[str(FIRST)].good
    assert outcome.organisations[str(SECOND)].opening == "does not open"
    assert not outcome.good


def test_run_drill_says_nothing_of_one_organisation_to_another(house, make, run):
    house.change("ALTER TABLE audit_event DISABLE TRIGGER USER")
    house.change("DELETE FROM audit_event WHERE organisation_id = %s", SECOND)

    outcome = run(house, make(house))

    assert outcome.organisations[str(FIRST)].good
    assert not outcome.organisations[str(SECOND)].good


def test_run_drill_refuses_damaged_data_before_it_makes_a_database(kept_house, make, run, destination, scratches):
    manifest = make(kept_house)
    path = destination.folder / manifest.name / DATA
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(DataDamaged):
        run(kept_house, manifest)

    assert scratches() == []


def test_run_drill_refuses_another_identity(kept_house, make, run, scratches):
    with pytest.raises(WrongIdentity):
        run(kept_house, make(kept_house), identities=[x25519.Identity.generate()])

    assert scratches() == []


def test_run_drill_says_when_it_may_not_make_a_database(kept_house, make, run):
    roles = replace(kept_house.roles, owner=kept_house.roles.app)

    with pytest.raises(NoDatabase, match="new database"):
        run(kept_house, make(kept_house), roles=roles)


def test_run_drill_refuses_a_reader_that_would_miss_rows(kept_house, make, run, scratches):
    roles = replace(kept_house.roles, reader=kept_house.roles.app)

    with pytest.raises(NoDatabase, match="row security"):
        run(kept_house, make(kept_house), roles=roles)

    assert scratches() == []


def test_restore_into_keeps_owners_rights_and_walls(kept_house, make, destination, identity):
    manifest = make(kept_house)

    with scratch_database(kept_house.roles) as scratch:
        restore_into(destination=destination, manifest=manifest, identities=[identity], target=scratch.owner)
        with scratch.reader.connect() as connection:
            restored = _shape(connection)
    with kept_house.roles.reader.connect() as connection:
        original = _shape(connection)

    assert restored == original


def _shape(connection):
    return connection.execute(
        "SELECT c.relname, c.relkind, r.rolname, c.relrowsecurity, c.relforcerowsecurity,"
        " array_to_string(array(SELECT x::text FROM unnest(c.relacl) x ORDER BY 1), ' '),"
        " array(SELECT p.polname FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY 1),"
        " array(SELECT t.tgname::text || t.tgenabled::text FROM pg_trigger t"
        "   WHERE t.tgrelid = c.oid AND NOT t.tgisinternal ORDER BY 1)"
        " FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
        " WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1"
    ).fetchall()


def test_restore_into_leaves_a_ledger_that_still_grows(kept_house, make, destination, identity):
    """A restored house must work, not only hold data."""
    manifest = make(kept_house)

    with scratch_database(kept_house.roles) as scratch:
        restore_into(destination=destination, manifest=manifest, identities=[identity], target=scratch.owner)
        type(kept_house)(scratch).add(FIRST)
        with scratch.reader.connect() as connection:
            head = connection.execute("SELECT seq FROM audit_head WHERE organisation_id = %s", [FIRST]).fetchone()

    assert head == (4,)


def test_restore_into_refuses_a_database_that_holds_tables(kept_house, make, destination, identity):
    with pytest.raises(TargetNotEmpty):
        restore_into(
            destination=destination,
            manifest=make(kept_house),
            identities=[identity],
            target=kept_house.roles.owner,
        )


def test_restore_into_undoes_what_it_began(kept_house, make, destination, identity):
    """The data changes between the check and the reading: what was restored by then is rolled back."""
    manifest = make(kept_house)
    path = destination.folder / manifest.name / DATA
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(bytes(content))

    with scratch_database(kept_house.roles) as scratch:
        with pytest.raises(DataDamaged):
            restore_into(destination=destination, manifest=manifest, identities=[identity], target=scratch.owner)
        with scratch.owner.connect() as connection:
            tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()

    assert tables == (0,)


def test_restore_into_passes_on_why_pg_restore_stopped(kept_house, make, destination, identity):
    """A function of the same name stands in the way, which the check for tables does not see."""
    manifest = make(kept_house)

    with scratch_database(kept_house.roles) as scratch:
        with scratch.owner.connect() as connection:
            connection.execute(
                "CREATE FUNCTION audit_text(value text) RETURNS bytea LANGUAGE sql AS 'SELECT NULL::bytea'"
            )
        with pytest.raises(RestoreFailed, match='function "audit_text" already exists'):
            restore_into(destination=destination, manifest=manifest, identities=[identity], target=scratch.owner)


@pytest.mark.parametrize(
    ("expected", "found", "differences"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": (1, 2)}),
        ({"a": 1}, {}, {"a": (1, 0)}),
        ({"a": 0}, {}, {"a": (0, 0)}),
        ({}, {"b": 3}, {"b": (0, 3)}),
    ],
)
def test_count_differences_names_each_table_that_differs(expected, found, differences):
    assert count_differences(expected, found) == differences
