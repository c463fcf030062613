"""A ledger that the first release began: its entries verify and open for ever, and none may be slipped in later."""

import secrets

import pytest

from audit import sql, sql_cheaper
from audit.canonical import commitment
from audit.chain import BreakKind
from audit.cipher import cipher
from audit.entries import open_details
from audit.ids import uuid7
from audit.models import Event
from audit.services import append, sign_checkpoint
from audit.verification import verify_organisation
from tests.database import as_admin

pytestmark = pytest.mark.django_db(transaction=True)


def function(text: str, name: str) -> str:
    start = text.index(f"FUNCTION {name}(")
    return "CREATE OR REPLACE " + text[start : text.index("END $$;", start) + len("END $$;")]


OLD = function(sql.FUNCTIONS, "audit_seal_event").replace("at, leaf, digest)", "at, leaf, digest, version)")
OLD = OLD.replace("leaf, head.digest)", "leaf, head.digest, 1)")  # the columns that rows of before the upgrade got


@pytest.fixture
def first_release(world):
    """Seals as the first release did, until it is told that the upgrade came."""

    def install(text):
        with as_admin() as admin:
            admin.execute(text)

    install(OLD)
    yield lambda: install(function(sql_cheaper.SEALING, "audit_seal_event"))
    install(function(sql_cheaper.SEALING, "audit_seal_event"))


@pytest.fixture
def fresh(first_release):
    """An organisation that has no entry of version 2 yet."""
    from access.services import create_organisation
    from access.tenancy import acting_for

    organisation = create_organisation(actor_ref="system:test", name="Old House", code="oldhouse")
    with as_admin() as admin:  # what the code of this release wrote, bound and sealed its own way
        admin.execute("SET session_replication_role = replica")
        for table in ("audit_event", "audit_seal", "audit_head"):
            admin.execute(f"DELETE FROM {table} WHERE organisation_id = %s", (organisation.pk,))
    with acting_for(organisation.pk):
        yield organisation


def old_entry(organisation) -> Event:
    event_id, salt = uuid7(), secrets.token_bytes(32)
    sealed = cipher().seal(organisation.pk, event_id, [], b'{"page": "x"}', binding=b"")
    event = Event(
        id=event_id,
        organisation_id=organisation.pk,
        kind="act",
        actor="staff:a",
        action="test.act.done",
        subject="test:a",
        salt=salt,
        detail=sealed,
        commitment=commitment(salt, sealed),
    )
    event.save(force_insert=True)
    return event


def test_entries_of_version_1_verify_and_open_beside_those_of_version_2(fresh, first_release):
    event = old_entry(fresh)
    sign_checkpoint(fresh.pk)
    first_release()
    append(organisation_id=fresh.pk, actor="staff:a", action="test.act.done", subject="test:a")
    sign_checkpoint(fresh.pk)

    result = verify_organisation(fresh.pk)

    assert (result.ok, result.entries) == (True, 2)
    assert open_details(Event.objects.get(pk=event.pk)) == {"page": "x"}


def test_verify_finds_an_old_entry_put_among_new_ones(fresh, first_release):
    """Version 1 does not bind details to the actor, so it must not come back."""
    first_release()
    append(organisation_id=fresh.pk, actor="staff:a", action="test.act.done", subject="test:a")
    with as_admin() as admin:
        admin.execute(OLD)
    old_entry(fresh)

    result = verify_organisation(fresh.pk)

    assert (result.first_bad_seq, result.kind) == (2, BreakKind.ALTERED)
