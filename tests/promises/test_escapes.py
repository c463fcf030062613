"""Nothing escapes: no table of an organisation changes beneath the services unless its entry says so."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from tests.database import as_admin

# Tables of an organisation that may change without an entry that names the row, each with its reason.
EXEMPT = {
    "access_session": "the last input, the lock and the PIN count; signing in and out, locking and unlocking are acts",
    "access_idempotency": "the memory of an API write, in the transaction of the write itself, which is an act",
    "records_name_token": "digests derived from a name, made with the resident and gone with them; they only find",
    "compliance_scan_mark": "how far the detector has looked; what it finds is an alert, which is sealed",
    "audit_event": "the ledger itself: append-only, each row sealed by its own trigger",
    "audit_seal": "the ledger itself: written by the sealing trigger alone",
    "audit_head": "the ledger itself: written by the sealing trigger alone",
    "audit_mention": "derived from the ledger by its own trigger",
    "audit_checkpoint": "signed, and anchored outside",
    "audit_anchor_receipt": "what an anchor answered; holds no act, and the checkpoint it is about is signed",
    "audit_tile": "hashes derived from the ledger's leaves; a proof is held against the signed root",
    "audit_archive": "a signed record of what left for an archive file; believed by its signature alone",
    "audit_verification": "append-only; a full run is an entry, and so is whatever is found wrong",
    "audit_open_view": "becomes an entry within a minute, and goes only with it",
}
_TENANT_TABLES = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organisation_id' AND NOT a.attisdropped"
    " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
)
# Triggers that run at commit and call one of the functions that demand an entry, and what they fire on.
_DEMANDING = (
    "SELECT c.relname, bit_or(t.tgtype::int) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
    " JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgdeferrable AND t.tginitdeferred AND NOT t.tgisinternal"
    " AND p.proname IN ('audit_require_entry', 'audit_require_entry_of', 'access_require_grant_entry') GROUP BY 1"
)
_INSERT, _DELETE, _UPDATE = 4, 8, 16


def demanding() -> dict[str, int]:
    with as_admin() as admin:
        return dict(admin.execute(_DEMANDING).fetchall())


def tenant_tables() -> set[str]:
    with as_admin() as admin:
        return {name for (name,) in admin.execute(_TENANT_TABLES).fetchall()}


def test_every_table_of_an_organisation_demands_an_entry_or_says_why_not(db):
    tables = tenant_tables()

    assert {"access_staff", "records_resident", "compliance_alert", "backups_restore_drill"} <= tables
    assert tables - set(demanding()) == set(EXEMPT)
    assert not set(EXEMPT) & set(demanding())


def test_tables_that_carry_rights_demand_an_entry_for_every_way_they_can_change(db):
    rights = {
        "access_organisation",
        "access_directory",
        "access_carehome",
        "access_staff",
        "access_role_holding",
        "access_grant",
        "access_care_home_grant",
        "access_device",
        "access_api_token",
        "access_data_key",
        "auth_group",
    }
    found = demanding()

    assert {table for table in rights if found.get(table, 0) & 28 != _INSERT | _DELETE | _UPDATE} == set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE access_organisation SET name = 'Other' WHERE id = %(organisation)s",
        "UPDATE access_data_key SET wrapped_by = 'x' WHERE organisation_id = %(organisation)s",
        "UPDATE access_data_key SET wrapped = NULL, destroyed_at = now() WHERE organisation_id = %(organisation)s",
        "UPDATE access_device SET blocked_at = NULL, name = 'Mine' WHERE id = %(device)s",
        "UPDATE access_api_token SET expires_at = expires_at + interval '1 year' WHERE id = %(token)s",
        "UPDATE access_role_holding SET role = 'administrator' WHERE staff_id = %(staff)s",
        "UPDATE access_staff SET password = 'x' WHERE id = %(staff)s",
        "DELETE FROM access_care_home_grant WHERE care_home_id = %(home)s",
        "INSERT INTO access_care_home_grant (care_home_id, organisation_id, group_id, permission_id)"
        " SELECT g.care_home_id, g.organisation_id, (SELECT max(id) FROM auth_group), g.permission_id"
        " FROM access_care_home_grant g WHERE g.care_home_id = %(home)s"
        " ON CONFLICT DO NOTHING",
        "INSERT INTO auth_group (name) VALUES ('care_home:%(home)s:spare')",
        "INSERT INTO access_directory (organisation_id, code, host) VALUES (gen_random_uuid(), 'other', '')",
    ],
)
def test_right_given_beneath_the_services_is_refused_at_commit(world, carer, tablet_and_token, sql):
    """By the application's role, and with all of its rights."""
    device, token = tablet_and_token
    values = {
        "organisation": world.organisation.pk,
        "home": world.home.pk,
        "staff": carer.pk,
        "device": device.pk,
        "token": token.pk,
    }
    if "%(home)s:" in sql:
        sql, values = sql.replace("%(home)s", str(world.home.pk)), {}

    with pytest.raises((IntegrityError, DatabaseError)) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
    assert "no ledger entry names it" in str(refused.value) or "permission denied" in str(refused.value)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO auth_group_permissions (group_id, permission_id)"
        " SELECT (SELECT max(id) FROM auth_group), (SELECT max(id) FROM auth_permission)",
        "UPDATE auth_permission SET codename = 'records.resident.erase' WHERE codename = 'records.resident.read'",
        "UPDATE access_role_holding SET role = 'administrator'",
        "INSERT INTO access_care_home_grant (care_home_id, organisation_id, group_id, permission_id)"
        " SELECT g.care_home_id, g.organisation_id, (SELECT max(id) FROM auth_group), max(g.permission_id)"
        " FROM access_care_home_grant g GROUP BY 1, 2 ON CONFLICT DO NOTHING",
    ],
)
def test_right_given_by_the_database_owner_is_refused_while_the_triggers_stand(world, carer, sql):
    with as_admin() as admin, pytest.raises(Exception, match=r"no ledger entry names it|access_care_home_grant alone"):
        admin.execute(sql)


@pytest.mark.django_db(transaction=True)
def test_last_sight_of_a_device_is_no_act(world, tablet_and_token):
    device, _token = tablet_and_token
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE access_device SET last_seen_at = now() WHERE id = %s", [device.pk])
        assert cursor.rowcount == 1


@pytest.fixture
def tablet_and_token(world, administrator, carer):
    from datetime import timedelta

    from django.utils import timezone

    from access.actors import Actor
    from access.services import enrol_device, make_token

    device, _ = enrol_device(actor=Actor.of(administrator), name="Oak tablet 1", care_home=world.home)
    token, _ = make_token(actor=world.system, staff=carer, name="test", expires_at=timezone.now() + timedelta(days=1))
    return device, token


# --- behind the application's back, with the triggers off: found by what the entries sealed --------------------------
BEHIND = {
    "a role": (
        "UPDATE access_role_holding SET role = 'administrator' WHERE staff_id = %(staff)s",
        "SELECT 'role_holding:' || id FROM access_role_holding WHERE staff_id = %(staff)s",
    ),
    "a role in another group": (
        "UPDATE access_role_holding SET group_id ="
        " (SELECT id FROM auth_group WHERE name LIKE '%%:administrator' LIMIT 1) WHERE staff_id = %(staff)s",
        "SELECT 'role_holding:' || id FROM access_role_holding WHERE staff_id = %(staff)s",
    ),
    "a new role": (
        "INSERT INTO access_role_holding (id, organisation_id, staff_id, care_home_id, role, group_id, starts_at)"
        " SELECT '01890a5d-ac96-774b-bcce-b302099a8057', organisation_id, staff_id, care_home_id, 'administrator',"
        " group_id, starts_at FROM access_role_holding WHERE staff_id = %(staff)s",
        "SELECT 'role_holding:01890a5d-ac96-774b-bcce-b302099a8057'",
    ),
    "a role taken away": (
        "DELETE FROM access_role_holding WHERE staff_id = %(staff)s",
        "SELECT 'role_holding:' || id FROM access_role_holding WHERE staff_id = %(staff)s",
    ),
    "a right of a role": (
        "INSERT INTO access_care_home_grant (care_home_id, organisation_id, group_id, permission_id)"
        " SELECT h.care_home_id, h.organisation_id, h.group_id, p.id FROM access_role_holding h, auth_permission p"
        " WHERE h.staff_id = %(staff)s AND p.codename = 'records.resident.erase'",
        "SELECT 'care_home:' || care_home_id FROM access_role_holding WHERE staff_id = %(staff)s",
    ),
    "a right removed": (
        "DELETE FROM access_care_home_grant WHERE id = (SELECT max(id) FROM access_care_home_grant"
        " WHERE care_home_id = %(home)s)",
        "SELECT 'care_home:' || %(home)s",
    ),
    "a password": (
        "UPDATE access_staff SET password = 'argon2$x' WHERE id = %(staff)s",
        "SELECT 'staff:' || %(staff)s",
    ),
    "a PIN": ("UPDATE access_staff SET pin = 'x' WHERE id = %(staff)s", "SELECT 'staff:' || %(staff)s"),
    "a leaver back": (
        "UPDATE access_staff SET created_at = created_at - interval '1 day' WHERE id = %(staff)s",
        "SELECT 'staff:' || %(staff)s",
    ),
    "a tablet unblocked": (
        "UPDATE access_device SET secret_digest = sha256('mine') WHERE id = %(device)s",
        "SELECT 'device:' || %(device)s",
    ),
    "a token prolonged": (
        "UPDATE access_api_token SET expires_at = expires_at + interval '1 year' WHERE id = %(token)s",
        "SELECT 'api_token:' || %(token)s",
    ),
    "a lock that never comes": (
        "UPDATE access_carehome SET idle_limit_tablet = '15 minutes' WHERE id = %(home)s",
        "SELECT 'care_home:' || %(home)s",
    ),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("sql", "named"), BEHIND.values(), ids=BEHIND)
def test_right_given_with_the_triggers_off_is_found_and_named(world, carer, tablet_and_token, sql, named):
    device, token = tablet_and_token
    values = {
        "home": str(world.home.pk),
        "staff": str(carer.pk),
        "device": str(device.pk),
        "token": str(token.pk),
    }
    assert verified(world.organisation).ok
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        expected = admin.execute(named, values).fetchone()[0]
        assert admin.execute(sql, values).rowcount == 1

    run = verified(world.organisation)

    assert (run.ok, run.break_kind, run.bad_subject) == (False, "record mismatch", expected)


@pytest.mark.django_db(transaction=True)
def test_what_changes_without_an_act_raises_no_alarm(world, carer, tablet_and_token):
    device, _token = tablet_and_token
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE access_device SET last_seen_at = now() WHERE id = %s", (device.pk,))

    assert verified(world.organisation).ok


def verified(organisation):
    import audit.services

    return audit.services.verify_ledger(organisation_id=organisation.pk, actor="system:test", records=True)
