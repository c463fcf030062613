"""What is true of every table of records: changes are sealed, text is ciphertext unless said why not."""

import pytest
from django.db import IntegrityError, connection, models, transaction

from access.encryption import EncryptedTextField
from audit.reading import Watched
from tests.database import as_admin
from tests.promises.test_tenancy import tenant_models

# Plain text columns, each with the reason why it may be read by whoever reads the database.
PLAIN = {
    "ref": "a kind and an id",
    "state": "a word from a fixed list",
    "digest": "a hash, a signature or a password hash",
    "name": "the organisation's, a home's, a tablet's or a key's own name; no person's",
    "code": "an official or our own code",
    "words": "made by the system, without names",
}
CLASSIFIED = {
    "OpenView": {"actor": "ref", "action": "state", "subject": "ref", "device": "ref", "page": "state"},
    "Event": {"kind": "state", "actor": "ref", "action": "state", "subject": "ref", "device": "ref"},
    "Checkpoint": {"note": "digest", "key_id": "digest", "anchor": "name"},
    "AnchorReceipt": {"destination": "name", "error": "name"},
    "Archive": {"file_name": "words", "note": "digest"},
    "Verification": {"mode": "state", "break_kind": "state", "bad_subject": "ref"},
    "CareHome": {"name": "name", "code": "code", "ods_code": "code", "cqc_location_id": "code"},
    "Staff": {"password": "digest", "pin": "digest", "theme": "state"},
    "RoleHolding": {"role": "state"},
    "Grant": {"effect": "state", "role": "state", "granted_by": "ref"},
    "Device": {"name": "name", "enrolled_by": "ref"},
    "Session": {"data": "digest"},  # signed; holds ids and messages of the system, no record
    "ApiToken": {"name": "name"},
    "IdempotencyRecord": {"actor": "ref", "key": "code"},
    "DataKey": {"purpose": "state", "wrapped_by": "digest"},
    "Resident": {"room": "code", "allergy_state": "state"},
    "Erasure": {"basis": "state", "erased_by": "ref"},
    "DailyNote": {"kind": "state", "written_by": "ref"},
}


OURS = [m for m in tenant_models() if m.__module__.split(".")[0] in {"records", "access", "audit"}]


@pytest.mark.parametrize("model", OURS)
def test_every_plain_text_field_says_why(model):
    plain = {
        field.name
        for field in model._meta.concrete_fields
        if isinstance(field, models.CharField | models.TextField) and not isinstance(field, EncryptedTextField)
    }

    stated = CLASSIFIED.get(model.__name__, {})

    assert plain == set(stated)
    assert set(stated.values()) <= set(PLAIN)


def guarded_tables() -> set[str]:
    with as_admin() as admin:
        rows = admin.execute(
            "SELECT c.relname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE p.proname = 'audit_require_entry' AND t.tgdeferrable AND t.tginitdeferred"
        ).fetchall()
    return {name for (name,) in rows}


def test_every_record_table_refuses_an_unsealed_commit(db):
    watched = {model._meta.db_table for model in tenant_models() if issubclass(model, Watched)}

    assert watched
    assert watched <= guarded_tables()
    assert {"access_staff", "access_role_holding", "access_grant", "access_carehome"} <= guarded_tables()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE access_staff SET is_active = is_active WHERE id = %(staff)s",
        "UPDATE access_carehome SET name = 'Other' WHERE id = %(home)s",
        "UPDATE records_resident SET room = '99' WHERE id = %(resident)s",
    ],
)
def test_change_without_an_entry_is_refused_at_commit(world, carer, resident, sql):
    values = {"staff": carer.pk, "home": world.home.pk, "resident": resident.pk}

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
