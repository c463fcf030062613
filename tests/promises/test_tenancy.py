"""The wall: every tenant's table, drawn from the models and the catalogue, refuses a second organisation."""

import uuid

import pytest
from django.apps import apps
from django.db import IntegrityError, ProgrammingError, connection, models, transaction

from access.errors import NoTenant
from access.models import Organisation, Staff
from access.tenancy import _tenant, acting_for
from audit.reading import collecting
from records.models import DailyNote, Resident
from tests.database import as_admin

SHARED = {"access_directory"}


def tenant_models() -> list[type[models.Model]]:
    return [
        model
        for model in apps.get_models()
        if any(field.attname == "organisation_id" for field in model._meta.concrete_fields)
        and model._meta.db_table not in SHARED
    ]


@pytest.fixture
def no_tenant():
    token = _tenant.set(None)
    yield
    _tenant.reset(token)


def test_every_tenant_table_forces_row_level_security(db):
    with as_admin() as admin:
        rows = admin.execute(
            "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,"
            " (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid AND p.polwithcheck IS NOT NULL)"
            " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organisation_id'"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        ).fetchall()

    walls = {name: forced and policies >= 1 for name, forced, policies in rows if name not in SHARED}
    assert set(walls) == {model._meta.db_table for model in tenant_models()}
    assert all(walls.values())


def test_application_role_owns_nothing_and_bypasses_nothing(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole,"
            " (SELECT count(*) FROM pg_class WHERE relowner = r.oid), has_schema_privilege('public', 'CREATE')"
            " FROM pg_roles r WHERE rolname = current_user"
        )
        row = cursor.fetchone()

    assert row == ("carehome_app", False, False, False, False, 0, False)


@pytest.mark.parametrize("model", tenant_models(), ids=lambda model: model._meta.label)
def test_table_shows_a_second_organisation_nothing(world, resident, carer, model):
    table = connection.ops.quote_name(model._meta.db_table)
    with acting_for(world.other.pk), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE organisation_id = %s", [world.organisation.pk])
        assert cursor.fetchone()[0] == 0


@pytest.mark.parametrize("model", tenant_models(), ids=lambda model: model._meta.label)
def test_table_is_empty_without_an_organisation(world, resident, no_tenant, model):
    """Fail closed: the statement's own setting ended with it."""
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.organisation', '', true)")
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone()[0] == 0


@pytest.mark.parametrize("model", tenant_models(), ids=lambda model: model._meta.label)
def test_table_refuses_a_row_of_a_second_organisation(world, model):
    """Copying any existing row over the wall is refused by policy, or by a right that was never given."""
    table = connection.ops.quote_name(model._meta.db_table)
    with as_admin() as admin:
        columns = [
            name
            for (name,) in admin.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'",
                (model._meta.db_table,),
            ).fetchall()
        ]
    values = ", ".join("%s" if column == "organisation_id" else "NULL" for column in columns)
    quoted = ", ".join(connection.ops.quote_name(column) for column in columns)

    with (
        acting_for(world.other.pk),
        pytest.raises(ProgrammingError),  # "violates row-level security policy", or permission denied
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"INSERT INTO {table} ({quoted}) VALUES ({values})", [world.organisation.pk])


@pytest.mark.django_db(transaction=True)
def test_no_row_can_point_across(world, resident, settle):
    """A composite foreign key: a note of one organisation about a resident of another is refused at commit."""
    with (
        acting_for(world.other.pk),
        pytest.raises(IntegrityError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO records_name_token (id, organisation_id, resident_id, token) VALUES (%s, %s, %s, %s)",
            [uuid.uuid4(), world.other.pk, resident.pk, b"12345678"],
        )


@pytest.mark.parametrize("model", [Staff, Resident, DailyNote, Organisation])
def test_managers_raise_before_the_database_gives_nothing(world, no_tenant, model):
    with pytest.raises(NoTenant):
        model.objects.all()


def test_tenant_does_not_survive_on_the_connection(world):
    with acting_for(world.organisation.pk):
        assert Organisation.objects.count() == 1

    with acting_for(world.other.pk):
        assert Organisation.objects.get().pk == world.other.pk


def test_update_and_delete_reach_no_row_of_another_organisation(world, carer):
    with acting_for(world.other.pk), connection.cursor() as cursor:
        cursor.execute("UPDATE access_staff SET is_active = false WHERE id = %s", [carer.pk])
        assert cursor.rowcount == 0

    carer.refresh_from_db()
    assert carer.is_active


def test_every_encrypted_value_is_ciphertext_in_the_database(world, resident):
    found: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(r)::text FROM records_resident r")
        found.append(cursor.fetchone()[0])
        cursor.execute("SELECT string_agg(row_to_json(s)::text, ' ') FROM access_staff s")
        found.append(cursor.fetchone()[0])

    text = " ".join(found)
    for secret in ("Ada", "Brown", "Addie", "1938", "Penicillin", "rosebank.example", "Example"):
        assert secret not in text
        assert secret.encode().hex() not in text


def test_a_value_moved_to_another_row_does_not_open(world, resident):
    from access.errors import EnvelopeError

    other = world.admit(first_name="Iris", last_name="Hall", room="5")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE records_resident SET about_me = (SELECT first_name FROM records_resident WHERE id = %s)"
                " WHERE id = %s",
                [resident.pk, other.pk],
            )
        with collecting("looking"):
            moved = Resident.objects.get(pk=other.pk)
        with pytest.raises(EnvelopeError):
            _ = moved.about_me
        transaction.set_rollback(True)
