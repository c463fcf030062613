"""Somebody with the application role's password and no keys: what they write is not believed, and hides nothing."""

from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from access.actors import Actor
from audit import queries, services
from audit.chain import BreakKind
from audit.errors import LedgerUnavailable
from audit.models import Event, OpenView, Verification
from audit.open_views import close_views, is_genuine, note_view
from audit.verification import verify_organisation
from records.services import write_daily_note
from tests.database import as_admin

pytestmark = pytest.mark.django_db(transaction=True)

_VIEW = """
INSERT INTO audit_open_view (id, organisation_id, key, opened_at, last_at, actor, action, subject, residents, page)
VALUES (gen_random_uuid(), %s, sha256('guessed'), now() - interval '2 minutes', now(), %s, 'records.resident.viewed',
        %s, ARRAY[%s::uuid], 'records:resident')
"""


def sql(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.fixture
def broken(world, carer, resident):
    """A ledger with an altered entry; the first run that finds it has been recorded."""
    write_daily_note(actor=Actor.of(carer), resident=resident, body="A note", occurred_at=timezone.now())
    services.verify_ledger(organisation_id=world.organisation.pk, actor="system:test")
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "UPDATE audit_event SET actor = 'staff:x' WHERE id = (SELECT event_id FROM audit_seal"
            " WHERE organisation_id = %s AND seq = 3)",
            (world.organisation.pk,),
        )
    assert not services.verify_ledger(organisation_id=world.organisation.pk, actor="system:test").ok
    return world.organisation.pk


@pytest.mark.parametrize("when", ["now()", "now() + interval '10 years'", "now() - interval '1 second'"])
def test_a_forged_good_verification_does_not_hide_a_broken_ledger(broken, when):
    head = queries.chain_head(broken)
    for _ in range(3):
        sql(
            "INSERT INTO audit_verification (id, organisation_id, mode, started_at, finished_at, ok, entries, head_seq,"
            " head_digest, checkpoint_size, break_kind, bad_subject)"
            f" VALUES (gen_random_uuid(), %s, 'full', {when}, {when}, true, %s, %s, %s, 0, '', '')",
            broken,
            head.seq,
            head.seq,
            head.digest,
        )

    assert not queries.latest_verification(broken).ok
    assert queries.verified_head(broken) is None  # the next run begins at the first entry
    assert not services.verify_ledger(organisation_id=broken, actor="system:test", mode="incremental").ok


def test_a_recorded_verification_cannot_be_said_again(broken):
    """Not the same row with another id, nor with another word in it."""
    good = Verification.objects.filter(organisation_id=broken, ok=True).get()
    assert good.genuine

    copied = Verification.objects.get(pk=good.pk)
    copied.id, copied.finished_at = good.id, timezone.now()
    assert not copied.genuine
    with pytest.raises(IntegrityError):
        sql("INSERT INTO audit_verification SELECT * FROM audit_verification WHERE id = %s", good.pk)


def test_a_verification_from_a_clock_that_ran_ahead_does_not_hide_the_next(world, resident):
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        services.verify_ledger(organisation_id=world.organisation.pk, actor="system:test")
    second = services.verify_ledger(organisation_id=world.organisation.pk, actor="system:test")

    assert queries.latest_verification(world.organisation.pk).pk == second.pk


def test_a_forged_checkpoint_that_would_stop_the_signing_is_named(world, resident):
    organisation = world.organisation.pk
    real = services.sign_checkpoint(organisation)
    sql(
        "INSERT INTO audit_checkpoint"
        " (id, organisation_id, size, digest, root, frontier, note, key_id, anchor, signed_at)"
        " SELECT gen_random_uuid(), organisation_id, 1000000, digest, root, frontier, note, key_id, anchor, now()"
        " FROM audit_checkpoint WHERE id = %s",
        real.pk,
    )

    result = verify_organisation(organisation)

    assert (result.kind, result.first_bad_seq) == (BreakKind.BAD_CHECKPOINT, queries.chain_head(organisation).seq + 1)


def test_an_entry_in_somebody_s_name_is_named(world, carer, resident):
    sql(
        "INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, residents, commitment, salt,"
        " detail) SELECT gen_random_uuid(), organisation_id, now(), kind, %s, action, subject, residents, commitment,"
        " salt, detail FROM audit_event WHERE subject = %s LIMIT 1",
        carer.ref,
        resident.ref,
    )

    result = verify_organisation(world.organisation.pk)

    assert (result.kind, result.first_bad_seq) == (
        BreakKind.ALTERED,
        queries.chain_head(world.organisation.pk).seq,
    )


def see(world, carer, resident):
    return note_view(
        organisation_id=world.organisation.pk,
        actor=carer.ref,
        action="records.resident.viewed",
        subject=resident.ref,
        residents=[resident.pk],
        page="records:resident",
    )


def test_a_view_put_there_in_somebody_s_name_is_never_sealed(world, carer, resident):
    """What seals a view has the keys: it must not lend them to a row that anybody with SQL can write."""
    sql(_VIEW, world.organisation.pk, carer.ref, resident.ref, resident.pk)
    genuine = see(world, carer, resident)

    assert close_views(world.organisation.pk, everything=True) == 1

    assert [event.pk for event in Event.objects.filter(kind="view")] == [genuine]
    assert [is_genuine(view) for view in OpenView.objects.all()] == [False]


def test_many_forged_views_do_not_keep_a_genuine_one_from_its_seal(world, carer, resident, monkeypatch):
    monkeypatch.setattr("audit.open_views._BATCH", 3)
    for _ in range(7):
        sql(_VIEW.replace("'guessed'", "gen_random_uuid()::text::bytea"), world.organisation.pk, carer.ref,
            resident.ref, resident.pk)  # fmt: skip
    genuine = see(world, carer, resident)

    assert close_views(world.organisation.pk, everything=True) == 1
    assert Event.objects.filter(pk=genuine).exists()


def test_a_view_cannot_be_put_back_to_swallow_or_repeat_the_next(world, carer, resident):
    """An old row's key under another id or hour: the person's next view is refused, not merged into it."""
    see(world, carer, resident)
    kept = OpenView.objects.values().get()
    close_views(world.organisation.pk, everything=True)
    sql(
        "INSERT INTO audit_open_view (id, organisation_id, key, opened_at, last_at, actor, action, subject, residents,"
        " page) VALUES (gen_random_uuid(), %s, %s, now(), now(), %s, %s, %s, %s::uuid[], %s)",
        *(kept[name] for name in ("organisation_id", "key", "actor", "action", "subject", "residents", "page")),
    )

    with pytest.raises(LedgerUnavailable):
        see(world, carer, resident)
    assert close_views(world.organisation.pk, everything=True) == 0


def test_a_view_swapped_for_an_entry_without_its_details_is_named(world, carer, resident):
    """The database lets a view go for an entry that says the same; only the keys make its details."""
    view = see(world, carer, resident)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, device, care_home_id,"
            " residents, count, commitment, salt, detail) SELECT id, organisation_id, opened_at, 'view', actor, action,"
            " subject, device, care_home_id, residents, count, sha256(sha256('x') || 'junk'), sha256('x'), 'junk'"
            " FROM audit_open_view WHERE id = %s",
            [view],
        )
        cursor.execute("DELETE FROM audit_open_view WHERE id = %s", [view])

    result = verify_organisation(world.organisation.pk)

    assert (result.kind, result.first_bad_seq) == (BreakKind.ALTERED, queries.chain_head(world.organisation.pk).seq)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_checkpoint SET note = ''",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_verification SET ok = true",
        "INSERT INTO audit_head VALUES (gen_random_uuid(), 0, sha256('x'))",
        "INSERT INTO audit_mention SELECT * FROM audit_mention",
        "DELETE FROM audit_mention",
        "CREATE TABLE audit_event_2031_01 PARTITION OF audit_event FOR VALUES FROM ('2031-01-01') TO ('2031-02-01')",
        "ALTER TABLE audit_event DETACH PARTITION audit_event_2026_01",
        "DROP TRIGGER audit_event_sealed ON audit_event",
        "CREATE OR REPLACE FUNCTION audit_seal_event() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "SET ROLE carehome_audit",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY audit_event TO PROGRAM 'cat'",
    ],
)
def test_application_role_may_not(world, resident, statement):
    services.sign_checkpoint(world.organisation.pk)
    with pytest.raises(DatabaseError):
        sql(statement)


def test_an_entry_for_another_organisation_is_refused(world, resident):
    with pytest.raises(DatabaseError):
        sql(
            "INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, commitment)"
            " VALUES (gen_random_uuid(), %s, now(), 'act', 'a:b', 'a.b', 'a:b', sha256('x'))",
            world.other.pk,
        )


def test_sealing_cannot_be_hung_on_a_table_of_the_applications_own(world):
    """Seals would be written, and the head moved, for entries that are nowhere."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE forged (LIKE audit_event)")

        with pytest.raises(DatabaseError, match="permission denied"):
            cursor.execute(
                "CREATE TRIGGER forging AFTER INSERT ON forged FOR EACH ROW EXECUTE FUNCTION audit_seal_event()"
            )
