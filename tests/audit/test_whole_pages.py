"""Pages that hold are passed quickly; what is wrong is named exactly as the walk, entry by entry, names it."""

import tracemalloc
from unittest import mock

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from access.actors import Actor
from audit import queries, services, verification
from audit.chain import ChainHead
from audit.models import Event, EventKind
from audit.verification import verify_connection, verify_organisation
from bench import ledgers
from records.services import write_daily_note
from tests.database import as_admin

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def entries(world, carer, resident, monkeypatch):
    """A ledger of several pages with checkpoints in the midst of them; gives the organisation's id."""
    monkeypatch.setattr(verification, "_PAGE", 7)
    for number in range(12):
        write_daily_note(actor=Actor.of(carer), resident=resident, body=f"Note {number}", occurred_at=timezone.now())
        if number % 5 == 1:
            services.sign_checkpoint(world.organisation.pk)
    return world.organisation.pk


def entry_by_entry(organisation_id, **more):
    with mock.patch("audit.whole_pages.is_safe", return_value=False):
        return verify_organisation(organisation_id, **more)


def test_whole_pages_are_passed_without_the_walk(entries):
    with mock.patch("audit.verification._entry", side_effect=AssertionError("The walk was taken.")):
        result = verify_organisation(entries)

    assert result == entry_by_entry(entries)
    assert (result.ok, result.head) == (True, queries.chain_head(entries))


def test_whole_pages_go_on_from_a_trusted_head(entries):
    with as_admin() as admin:
        digest = admin.execute("SELECT digest FROM audit_seal WHERE organisation_id = %s AND seq = 9", (entries,))
        head = ChainHead(9, digest.fetchone()[0])

    result = verify_organisation(entries, after=head)

    assert result == entry_by_entry(entries, after=head)
    assert result.entries == queries.chain_head(entries).seq - 9


ENTRY = "(SELECT event_id FROM audit_seal WHERE organisation_id = %(org)s AND seq = %(seq)s)"
TAMPERINGS = [
    f"UPDATE audit_event SET actor = 'staff:somebody' WHERE id = {ENTRY}",
    f"UPDATE audit_event SET count = count + 1 WHERE id = {ENTRY}",
    f"UPDATE audit_event SET device = 'device:x' WHERE id = {ENTRY}",
    f"UPDATE audit_event SET care_home_id = NULL, residents = residents || residents WHERE id = {ENTRY}",
    f"UPDATE audit_event SET at = at + interval '1 microsecond' WHERE id = {ENTRY}",
    f"UPDATE audit_event SET detail = detail || '\\x00' WHERE id = {ENTRY}",
    f"UPDATE audit_event SET salt = NULL WHERE id = {ENTRY}",
    f"UPDATE audit_event SET salt = NULL, detail = NULL WHERE id = {ENTRY}",
    f"DELETE FROM audit_event WHERE id = {ENTRY}",
    "DELETE FROM audit_seal WHERE organisation_id = %(org)s AND seq = %(seq)s",
    "UPDATE audit_seal SET digest = sha256(digest) WHERE organisation_id = %(org)s AND seq = %(seq)s",
    "UPDATE audit_seal SET leaf = sha256(leaf) WHERE organisation_id = %(org)s AND seq = %(seq)s",
    "UPDATE audit_seal SET sealed_at = now() WHERE organisation_id = %(org)s AND seq = %(seq)s",
    "UPDATE audit_seal SET version = 1, sealed_at = NULL WHERE organisation_id = %(org)s AND seq = %(seq)s",
    "UPDATE audit_seal SET seq = seq + 1000 WHERE organisation_id = %(org)s AND seq >= %(seq)s",
    "UPDATE audit_checkpoint SET note = replace(note, 'chain ', 'chain A') WHERE size >= %(seq)s",
    "DELETE FROM audit_seal WHERE organisation_id = %(org)s AND seq > %(seq)s",
]


@pytest.mark.parametrize("sql", TAMPERINGS)
def test_what_is_wrong_is_named_as_the_walk_names_it(entries, sql):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(sql, {"org": entries, "seq": queries.chain_head(entries).seq - 4})

    result = verify_organisation(entries)

    assert not result.ok
    assert result == entry_by_entry(entries)


def test_whole_pages_find_a_chain_that_is_not_the_one_signed(entries, carer, resident):
    """The owner makes the last entries anew, with right links: only the signed checkpoint tells."""
    size = queries.latest_checkpoint(entries).size
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        digest = admin.execute(
            "SELECT digest FROM audit_seal WHERE organisation_id = %s AND seq = %s", (entries, size - 2)
        ).fetchone()[0]
        admin.execute(
            "DELETE FROM audit_event WHERE id IN"
            " (SELECT event_id FROM audit_seal WHERE organisation_id = %s AND seq > %s)",
            (entries, size - 2),
        )
        admin.execute("DELETE FROM audit_seal WHERE organisation_id = %s AND seq > %s", (entries, size - 2))
        admin.execute(
            "UPDATE audit_head SET seq = %s, digest = %s WHERE organisation_id = %s", (size - 2, digest, entries)
        )
    for number in range(6):
        write_daily_note(actor=Actor.of(carer), resident=resident, body=f"Other {number}", occurred_at=timezone.now())

    result = verify_organisation(entries)

    assert (result.kind, result.first_bad_seq) == ("fork", size)
    assert result == entry_by_entry(entries)


def test_whole_pages_are_not_trusted_where_other_functions_come_first(entries):
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = public, pg_catalog")
    try:
        with mock.patch("audit.whole_pages.whole_page", side_effect=AssertionError("It was asked.")):
            assert verify_organisation(entries).ok
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET search_path")


@pytest.mark.parametrize("pages", [True, False], ids=["by pages", "entry by entry"])
def test_verification_takes_no_more_memory_for_a_longer_ledger(world, monkeypatch, pages):
    monkeypatch.setattr(verification, "_PAGE", 250)
    organisation_id, peaks = world.organisation.pk, []
    with as_admin() as admin, mock.patch("audit.whole_pages.is_safe", return_value=pages):
        for more in (1_000, 4_000):
            ledgers.lengthen(admin, organisation_id, more)
            tracemalloc.start()
            result = verify_connection(connection, organisation_id, opening=True)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert result.ok

    assert result.entries > 5_000
    assert peaks[1] < peaks[0] * 1.2


def act(organisation_id, subject):
    return services.append(
        organisation_id=organisation_id, actor="system:test", action="test.act.done", subject=subject
    )


def test_many_entries_of_one_transaction_leave_short_hints(world):
    with transaction.atomic(), connection.cursor() as cursor:
        for number in range(1_000):
            act(world.organisation.pk, f"test:{number}")
        cursor.execute(
            "SELECT sum(length(hint)), max(length(hint)) FROM (SELECT current_setting('audit.subjects_' || n, true)"
            " AS hint FROM generate_series(0, 255) AS n)"
        )
        total, longest = cursor.fetchone()

    assert total > 1_000 * 60
    assert longest < total / 20


def test_commit_with_the_hint_of_an_entry_rolled_back_is_refused(world, resident):
    def change():
        with transaction.atomic(), connection.cursor() as cursor:
            inner = transaction.savepoint()
            act(world.organisation.pk, resident.ref)
            cursor.execute("SELECT hashtext(%s) & 255", [resident.ref])
            setting = f"audit.subjects_{cursor.fetchone()[0]}"
            cursor.execute("SELECT current_setting(%s)", [setting])
            hint = cursor.fetchone()[0]
            transaction.savepoint_rollback(inner)
            cursor.execute("SELECT set_config(%s, %s, true)", [setting, hint])
            cursor.execute("UPDATE records_resident SET room = '9' WHERE id = %s", [resident.pk])

    with pytest.raises(IntegrityError):
        change()


def test_every_resident_named_is_found_by_the_entry(world, resident):
    from audit.ids import uuid7

    several = [resident.pk, uuid7(), uuid7()]
    for residents in ([], several[:1], several):
        services.append(
            organisation_id=world.organisation.pk,
            actor="system:test",
            action="test.act.done",
            subject="test:a",
            residents=residents,
            kind=EventKind.ACT,
        )

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM audit_mention m JOIN audit_event e ON e.id = m.event_id AND e.at = m.at"
            " WHERE e.subject = 'test:a' AND m.resident_id = ANY(e.residents)"
        )
        assert cursor.fetchone()[0] == 4
    assert Event.objects.filter(subject="test:a").count() == 3
    assert verify_organisation(world.organisation.pk).ok
