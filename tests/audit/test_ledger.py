"""The ledger against real commits and a database owner who cheats."""

import hashlib
import threading
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
import time_machine
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from access.actors import Actor
from access.tenancy import acting_for
from audit import anchors, queries, services
from audit.canonical import leaf
from audit.chain import BreakKind
from audit.models import Event, Verification
from audit.reading import collecting
from audit.record_seals import first_record_mismatch
from audit.verification import verify_connection, verify_organisation
from records.services import write_daily_note
from tests.database import as_admin

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def notes(world, carer, resident):
    return [
        write_daily_note(actor=Actor.of(carer), resident=resident, body=f"Note {n}", occurred_at=timezone.now())
        for n in range(5)
    ]


def verify(organisation):
    return verify_organisation(organisation.pk)


def test_append_seals_in_order_without_gaps(notes, organisation):
    head = queries.chain_head(organisation.pk)

    result = verify(organisation)

    assert result.ok
    assert result.entries == head.seq == Event.objects.filter(organisation_id=organisation.pk).count()


def test_append_rolled_back_leaves_neither_event_nor_seal(notes, organisation):
    before = queries.chain_head(organisation.pk)

    with transaction.atomic():
        services.append(
            organisation_id=organisation.pk, actor="system:test", action="test.act.done", subject="resident:x"
        )
        transaction.set_rollback(True)

    assert queries.chain_head(organisation.pk) == before
    assert verify(organisation).ok


def test_append_by_many_writers_at_once_keeps_one_chain(notes, organisation, resident):
    failures = []

    def work():
        try:
            with acting_for(organisation.pk):
                for _ in range(20):
                    services.append(
                        organisation_id=organisation.pk, actor="system:test", action="test.act.done", subject="test:a"
                    )
        except Exception as error:  # the thread's own failure must reach the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    before = queries.chain_head(organisation.pk).seq
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert queries.chain_head(organisation.pk).seq == before + 80
    assert verify(organisation).ok


TAMPERINGS = [
    ("UPDATE audit_event SET action = 'test.other.done' WHERE id = %(event)s", BreakKind.ALTERED),
    ("UPDATE audit_event SET actor = 'staff:somebody' WHERE id = %(event)s", BreakKind.ALTERED),
    ("UPDATE audit_event SET at = at + interval '1 microsecond' WHERE id = %(event)s", BreakKind.MISSING),
    ("UPDATE audit_event SET residents = '{}' WHERE id = %(event)s", BreakKind.ALTERED),
    ("UPDATE audit_event SET detail = detail || '\\x00' WHERE id = %(event)s", BreakKind.ALTERED),
    ("DELETE FROM audit_event WHERE id = %(event)s", BreakKind.MISSING),
    ("DELETE FROM audit_seal WHERE event_id = %(event)s", BreakKind.MISSING),
    ("UPDATE audit_seal SET digest = sha256(digest) WHERE event_id = %(event)s", BreakKind.REORDERED),
]


@pytest.mark.parametrize(("sql", "kind"), TAMPERINGS)
def test_verify_names_the_first_bad_entry(notes, organisation, sql, kind):
    with as_admin() as admin:
        seq, event = admin.execute(
            "SELECT s.seq, s.event_id FROM audit_seal s JOIN audit_event e ON e.id = s.event_id"
            " WHERE s.organisation_id = %s AND e.kind = 'change' ORDER BY s.seq DESC OFFSET 2 LIMIT 1",
            (organisation.pk,),
        ).fetchone()
        admin.execute("SET session_replication_role = replica")
        admin.execute(sql, {"event": event})

    result = verify(organisation)

    assert (result.first_bad_seq, result.kind) == (seq, kind)


def test_verify_finds_entries_cut_off_the_end(notes, organisation):
    checkpoint = services.sign_checkpoint(organisation.pk)

    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_seal WHERE seq = %s)", (checkpoint.size,)
        )
        admin.execute(
            "DELETE FROM audit_seal WHERE organisation_id = %s AND seq = %s", (organisation.pk, checkpoint.size)
        )
        admin.execute(
            "UPDATE audit_head h SET seq = s.seq, digest = s.digest FROM audit_seal s"
            " WHERE s.organisation_id = h.organisation_id AND s.seq = %s AND h.organisation_id = %s",
            (checkpoint.size - 1, organisation.pk),
        )
        admin.execute("DELETE FROM audit_checkpoint WHERE organisation_id = %s", (organisation.pk,))

    result = verify(organisation)

    assert (result.first_bad_seq, result.kind) == (checkpoint.size, BreakKind.TRUNCATED)


def test_verify_finds_a_chain_rewritten_after_it_was_signed(notes, organisation):
    """The database's owner alters an entry and recomputes every seal behind it: the anchor tells, and the key."""
    checkpoint = services.sign_checkpoint(organisation.pk)

    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "UPDATE audit_event SET actor = 'staff:somebody' WHERE id = (SELECT event_id FROM audit_seal"
            " WHERE organisation_id = %s AND seq = 3)",
            (organisation.pk,),
        )
        digest = bytes(32)
        for (seq,) in admin.execute(
            "SELECT seq FROM audit_seal WHERE organisation_id = %s ORDER BY seq", (organisation.pk,)
        ).fetchall():
            fresh = admin.execute(
                "SELECT audit_leaf_2(e, s.seq, s.sealed_at) FROM audit_seal s JOIN audit_event e ON e.id = s.event_id"
                " WHERE s.organisation_id = %s AND s.seq = %s",
                (organisation.pk, seq),
            ).fetchone()[0]
            digest = hashlib.sha256(digest + bytes(fresh)).digest()
            admin.execute(
                "UPDATE audit_seal SET leaf = %s, digest = %s WHERE organisation_id = %s AND seq = %s",
                (fresh, digest, organisation.pk, seq),
            )
        admin.execute("UPDATE audit_head SET digest = %s WHERE organisation_id = %s", (digest, organisation.pk))

    result = verify(organisation)
    without_keys = verify_connection(connection, organisation.pk, extra_notes=anchors.anchored_notes(organisation.pk))

    assert (result.first_bad_seq, result.kind) == (3, BreakKind.ALTERED)
    assert (without_keys.first_bad_seq, without_keys.kind) == (checkpoint.size, BreakKind.FORK)


def test_verify_finds_an_entry_that_the_database_s_owner_sealed_in_somebody_s_name(notes, organisation, carer):
    """Triggers and chain take it as any other; only who holds the keys can bind details to what an entry says."""
    with as_admin() as admin:
        admin.execute(
            "INSERT INTO audit_event"
            " (id, organisation_id, at, kind, actor, action, subject, residents, commitment, salt, detail)"
            " SELECT gen_random_uuid(), organisation_id, now(), 'view', %s, 'records.resident.viewed', subject,"
            " residents, commitment, salt, detail FROM audit_event WHERE kind = 'change' AND residents <> '{}' LIMIT 1",
            (carer.ref,),
        )

    result = verify(organisation)

    assert (result.first_bad_seq, result.kind) == (queries.chain_head(organisation.pk).seq, BreakKind.ALTERED)


def test_verify_finds_an_event_that_was_never_sealed(notes, organisation):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, commitment)"
            " VALUES (%s, %s, now(), 'view', 'staff:somebody', 'test.act.done', 'test:a', sha256('x'))",
            (uuid4(), organisation.pk),
        )

    result = verify(organisation)

    assert result.kind == BreakKind.INSERTED


def test_sign_checkpoint_with_a_forged_note_is_found(notes, organisation):
    services.sign_checkpoint(organisation.pk)

    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE audit_checkpoint SET note = replace(note, 'chain ', 'chain A')")

    assert verify(organisation).kind == BreakKind.BAD_CHECKPOINT


def test_sign_checkpoint_continues_the_same_tree(notes, organisation, carer, resident):
    first = services.sign_checkpoint(organisation.pk)

    write_daily_note(actor=Actor.of(carer), resident=resident, body="Later", occurred_at=timezone.now())
    second = services.sign_checkpoint(organisation.pk)

    assert second.size > first.size
    assert services.sign_checkpoint(organisation.pk).pk == second.pk
    assert verify(organisation).ok


def test_verify_ledger_names_a_record_changed_behind_our_back(notes, organisation):
    good = services.verify_ledger(organisation_id=organisation.pk, actor="system:test", records=True)
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "UPDATE records_daily_note SET occurred_at = occurred_at - interval '1 hour' WHERE id = %s", (notes[2].pk,)
        )

    bad = services.verify_ledger(organisation_id=organisation.pk, actor="system:test", records=True)

    assert good.ok
    assert not bad.ok
    assert (bad.kind, bad.bad_subject) == (BreakKind.RECORD_MISMATCH, notes[2].ref)


TAMPERED = [
    "DELETE FROM records_daily_note WHERE id = %s",
    "UPDATE records_daily_note SET body = set_byte(body, 40, get_byte(body, 40) # 1) WHERE id = %s",
    "UPDATE records_daily_note SET body = '\\x00' WHERE id = %s",
    "UPDATE records_daily_note SET body = set_byte(body, 1, get_byte(body, 1) # 1) WHERE id = %s",
]


@pytest.mark.parametrize("sql", TAMPERED, ids=["removed", "altered", "cut", "key swapped"])
def test_verify_ledger_names_a_record_that_is_gone_or_does_not_open(notes, organisation, sql):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(sql, (notes[2].pk,))

    bad = services.verify_ledger(organisation_id=organisation.pk, actor="system:test", records=True)

    assert not bad.ok
    assert (bad.kind, bad.bad_subject) == (BreakKind.RECORD_MISMATCH, notes[2].ref)


def test_verify_ledger_takes_the_latest_change_by_commit_not_by_clock(resident, organisation):
    with transaction.atomic():
        resident.room = "5"
        resident.save()
    with time_machine.travel(timezone.now() - timedelta(seconds=30)), transaction.atomic():
        resident.room = "6"
        resident.save()

    assert services.verify_ledger(organisation_id=organisation.pk, actor="system:test", records=True).ok


def test_verify_finds_details_taken_out_that_no_erasure_takes(notes, organisation):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE audit_event SET salt = NULL, detail = NULL WHERE residents = '{}'")

    assert verify(organisation).kind == BreakKind.ALTERED


def test_verify_ledger_goes_on_from_where_the_last_run_ended(notes, organisation):
    services.verify_ledger(organisation_id=organisation.pk, actor="system:test")

    second = services.verify_ledger(
        organisation_id=organisation.pk, actor="system:test", mode=Verification.Mode.INCREMENTAL
    )

    assert second.ok
    assert second.entries == 1  # the first run's own entry


REFUSED = [
    "UPDATE audit_event SET action = 'test.act.done'",
    "DELETE FROM audit_event",
    "TRUNCATE audit_event",
    "UPDATE audit_head SET seq = 0",
    "DELETE FROM audit_seal",
    "INSERT INTO audit_seal SELECT * FROM audit_seal",
    "UPDATE audit_checkpoint SET size = 0",
    "DELETE FROM audit_verification",
    "SET session_replication_role = replica",
    "ALTER TABLE audit_event DISABLE TRIGGER ALL",
    "DROP TABLE audit_event",
    "SELECT 1 FROM audit_event FOR UPDATE",
    "UPDATE records_daily_note SET kind = 'mood'",
    "DELETE FROM records_resident",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_application_role_cannot_rewrite_history(notes, sql):
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("table", ["audit_event", "audit_seal", "audit_mention"])
def test_even_the_owner_meets_the_guard(notes, table):
    with as_admin() as admin, pytest.raises(psycopg.errors.InsufficientPrivilege):
        admin.execute(f"DELETE FROM {table}")


def test_commit_that_changed_a_record_and_sealed_nothing_is_refused(notes, organisation, resident):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE records_resident SET room = '9' WHERE id = %s", [resident.pk])

    with collecting("looking again"):
        resident.refresh_from_db()
        assert resident.room == "4"


def test_leaf_in_sql_equals_leaf_in_python(notes, organisation):
    from audit.verification import _ENTRIES, _entry, rows_of

    for row in rows_of(connection, _ENTRIES, [organisation.pk, 0, 1000, 1000]):
        entry = _entry(organisation.pk, row)

        assert leaf(entry.body) == entry.leaf


def test_commit_with_a_forged_hint_and_no_entry_is_refused(notes, resident):
    """The application can say anything in a setting; only a row of this very transaction is believed."""
    event = Event.objects.filter(subject=resident.ref).first()
    hint = f"{resident.ref}={event.pk}={event.at:%Y-%m-%dT%H:%M:%S.%fZ} "

    def forge():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('audit.subjects', %s, true)", [hint])
            cursor.execute("UPDATE records_resident SET room = '9' WHERE id = %s", [resident.pk])

    with pytest.raises(IntegrityError):
        forge()


def test_application_role_cannot_say_which_transaction_wrote_an_entry(notes):
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, commitment, xact)"
            " SELECT gen_random_uuid(), organisation_id, at, kind, actor, action, subject, commitment, xact"
            " FROM audit_event LIMIT 1"
        )


@pytest.mark.parametrize(("tail", "kind"), [("{not json\n", BreakKind.BAD_CHECKPOINT), ('{"size": 1, "no', "")])
def test_verify_with_a_damaged_anchor_file_says_so(notes, organisation, settings, tail, kind):
    """A broken line is named; a last line that a power cut broke off never counted."""
    services.sign_checkpoint(organisation.pk)
    path = settings.AUDIT_ANCHOR_DIR / f"{organisation.pk}.jsonl"
    path.write_text(path.read_text() + tail)

    assert verify(organisation).kind == kind


def test_partitions_are_made_ahead_and_a_clock_that_ran_ahead_stops_nothing(notes, organisation):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, commitment)"
            " VALUES (gen_random_uuid(), %s, '2028-03-15', 'act', 'a:b', 'a.b', 'a:b', sha256('x'))",
            (organisation.pk,),
        )

    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_make_partitions(24)")
        made = cursor.fetchone()[0]
        cursor.execute("SELECT to_regclass('audit_event_2028_03'), to_regclass('audit_event_2028_04') IS NOT NULL")
        assert cursor.fetchone() == (None, True)

    assert made > 0


def test_verify_ledger_asks_as_often_for_many_records_as_for_few(
    notes, organisation, carer, resident, django_assert_max_num_queries
):
    with django_assert_max_num_queries(200) as few:
        first_record_mismatch(organisation.pk)
    for number in range(30):
        write_daily_note(actor=Actor.of(carer), resident=resident, body=f"Note {number}", occurred_at=timezone.now())

    with django_assert_max_num_queries(len(few.captured_queries)):
        assert first_record_mismatch(organisation.pk) is None
