"""What goes wrong of itself: killed processes, clocks that step, partitions that are gone, keys that nobody knows."""

import multiprocessing
import os
import signal
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from access.actors import Actor
from access.services import add_staff, enrol_device
from audit import notes, queries, services, signing
from audit.chain import BreakKind
from audit.errors import LedgerUnavailable
from audit.models import Checkpoint, Event
from audit.reading import collecting
from audit.verification import verify_connection, verify_organisation
from records.models import DailyNote
from records.services import write_daily_note
from tests import settings as run
from tests.database import as_admin

pytestmark = pytest.mark.django_db(transaction=True)


def write(staff, resident, body="A note"):
    return write_daily_note(actor=Actor.of(staff), resident=resident, body=body, occurred_at=timezone.now())


@pytest.mark.parametrize("appended", [False, True], ids=["before the entry", "before the commit"])
def test_a_process_killed_in_the_middle_leaves_neither_change_nor_entry(world, resident, appended):
    organisation, head = world.organisation.pk, queries.chain_head(world.organisation.pk)
    connection.close()

    def change():
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("UPDATE records_resident SET room = '9' WHERE id = %s", [resident.pk])
            if appended:
                services.append(
                    organisation_id=organisation, actor="staff:a", action="test.act.done", subject=resident.ref
                )
            os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(target=change)
    process.start()
    process.join(60)

    assert process.exitcode == -signal.SIGKILL
    assert queries.chain_head(organisation) == head
    with collecting():
        resident.refresh_from_db()
    assert resident.room == "4"
    assert verify_organisation(organisation).ok


def test_an_entry_that_the_ledger_does_not_take_takes_the_change_back(world, carer, resident, monkeypatch):
    head = queries.chain_head(world.organisation.pk)

    def refuse(*args, **kwargs):
        raise DatabaseError("no space left")

    monkeypatch.setattr(Event, "save", refuse)
    with pytest.raises(LedgerUnavailable):
        write(carer, resident)

    with collecting():
        assert not DailyNote.objects.filter(resident=resident).exists()
    assert queries.chain_head(world.organisation.pk) == head


CLOCKS = {
    "an hour back": lambda now: now - timedelta(hours=1),
    "1999": lambda now: datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
    "an hour ahead": lambda now: now + timedelta(hours=1),
    "2041": lambda now: datetime(2041, 2, 28, 12, 0, tzinfo=UTC),
}


@pytest.mark.parametrize("moved", CLOCKS.values(), ids=CLOCKS)
def test_a_clock_that_steps_stops_nothing_and_is_no_attack(world, moved):
    organisation = world.organisation.pk
    with time_machine.travel(datetime(1998, 5, 1, 9, 0, tzinfo=UTC)):  # a role does not hold before it was given
        carer, resident = world.person("carer"), world.admit()

    def work():
        write(carer, resident)
        seen = services.note_view(
            organisation_id=organisation,
            actor=carer.ref,
            action="records.resident.viewed",
            subject=resident.ref,
            residents=[resident.pk],
            page="records:resident",
        )
        services.close_views(organisation)
        services.sign_checkpoint(organisation)
        assert services.verify_ledger(organisation_id=organisation, actor="system:test", mode="incremental").ok
        return seen

    views = [work()]
    with time_machine.travel(moved(timezone.now())):
        views.append(work())
    views.append(work())
    services.close_views(organisation, everything=True)

    assert services.verify_ledger(organisation_id=organisation, actor="system:test", records=True).ok
    kept = Event.objects.filter(kind="view").values_list("pk", "count")
    assert {pk for pk, _count in kept} == set(views)
    assert sum(count for _pk, count in kept) == 3


def test_a_kind_that_nobody_knows_is_refused_and_named(world, resident):
    organisation = world.organisation.pk
    with pytest.raises(LedgerUnavailable), transaction.atomic():
        services.append(
            organisation_id=organisation, actor="staff:a", action="test.act.done", subject="test:a", kind="guess"
        )
    with psycopg.connect(run.CLUSTER.conninfo(run.DATABASE)) as admin:
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute("ALTER TABLE audit_event DROP CONSTRAINT audit_event_kind_check")
        seq = admin.execute(
            "UPDATE audit_event e SET kind = 'guess' FROM audit_seal s WHERE s.event_id = e.id AND s.seq = 4"
            " AND s.organisation_id = %s RETURNING s.seq",
            [organisation],
        ).fetchone()[0]
        result = verify_connection(admin, organisation, opening=True)
        admin.rollback()

    assert (result.first_bad_seq, result.kind) == (seq, BreakKind.ALTERED)


def test_a_partition_that_is_gone_is_named_and_writing_goes_on(world, resident):
    """Entries of its month are missing until it is back; new ones go where the default partition keeps them."""
    organisation, last = world.organisation.pk, queries.chain_head(world.organisation.pk).seq
    name = f"audit_event_{timezone.now():%Y_%m}"
    with psycopg.connect(run.CLUSTER.conninfo(run.DATABASE)) as admin:
        admin.execute(f"ALTER TABLE audit_event DETACH PARTITION {name}")
        gone = verify_connection(admin, organisation)
        admin.execute("SAVEPOINT before")
        admin.execute(
            "INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, commitment)"
            " VALUES (gen_random_uuid(), %s, now(), 'act', 'a:b', 'a.b', 'a:b', sha256('x'))",
            [organisation],
        )
        admin.execute("SET CONSTRAINTS ALL IMMEDIATE")
        kept = admin.execute("SELECT count(*) FROM audit_event_other").fetchone()[0]
        sealed = admin.execute("SELECT seq FROM audit_head WHERE organisation_id = %s", [organisation]).fetchone()[0]
        admin.execute("ROLLBACK TO SAVEPOINT before")
        first = datetime(timezone.now().year, timezone.now().month, 1, tzinfo=UTC)
        after = (first + timedelta(days=32)).replace(day=1)
        admin.execute(
            f"ALTER TABLE audit_event ATTACH PARTITION {name} FOR VALUES FROM ('{first:%Y-%m-%d} 00:00+00')"
            f" TO ('{after:%Y-%m-%d} 00:00+00')"
        )
        back = verify_connection(admin, organisation)
        admin.rollback()

    assert (gone.first_bad_seq, gone.kind) == (1, BreakKind.MISSING)
    assert (kept, sealed) == (1, last + 1)
    assert back.ok


def test_a_partition_that_was_dropped_empty_is_made_again(world, resident):
    month = (timezone.now().replace(day=1) + timedelta(days=70)).strftime("%Y_%m")
    with psycopg.connect(run.CLUSTER.conninfo(run.DATABASE)) as admin:
        for table in ("audit_event", "audit_seal", "audit_mention"):
            admin.execute(f"DROP TABLE {table}_{month}")
        made = admin.execute("SELECT audit_make_partitions(3)").fetchone()[0]
        walls = admin.execute(
            "SELECT bool_and(relrowsecurity AND relforcerowsecurity) FROM pg_class WHERE relname LIKE %s",
            [f"audit_%_{month}"],
        ).fetchone()[0]
        admin.rollback()

    assert made == 3
    assert walls


def test_a_checkpoint_signed_by_an_unknown_key_is_named(world, resident):
    """Well made in every other respect: the right origin, size, root and digest."""
    organisation = world.organisation.pk
    checkpoint, stranger = services.sign_checkpoint(organisation), Ed25519PrivateKey.generate()
    text, name = checkpoint.note.partition("\n\n")[0] + "\n", signing.signer().name
    forged = notes.sign(
        text,
        name=name,
        public_key=stranger.public_key().public_bytes_raw(),
        signature=stranger.sign(text.encode()),
    )
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE audit_checkpoint SET note = %s", [forged])

    result = verify_organisation(organisation)

    assert (result.first_bad_seq, result.kind) == (checkpoint.size, BreakKind.BAD_CHECKPOINT)
    assert Checkpoint.objects.get().note == forged


MEGABYTE = "a" * 2**20
STRANGE = "\u202eevil\u2066 ‘x’ \x7f"


def _as_received(value):
    """A header's bytes as a WSGI server hands them on."""
    return value.encode().decode("latin-1")


def test_what_an_outsider_sends_never_breaks_a_page_or_reaches_the_ledger(world, carer, resident, client_for):
    client, organisation = client_for(carer), world.organisation.pk
    planted = "Plantedbyavisitor"
    page = reverse("records:resident", args=[resident.pk])

    for value in (MEGABYTE, planted + STRANGE, planted + "\r\nSet-Cookie: a=b", planted + "\x00"):
        for header in ("HTTP_USER_AGENT", "HTTP_REFERER", "HTTP_X_REQUEST_ID", "HTTP_X_FORWARDED_FOR", "HTTP_ACCEPT"):
            assert client.get(page, **{header: _as_received(value)}).status_code in (200, 400), header
        answer = client.get(reverse("records:resident_list"), {"q": value, "home": value, planted: value})
        assert answer.status_code in (200, 400)
        answer = client.get(reverse("records:daily_notes", args=[resident.pk]), {"kind": value, "page": value})
        assert answer.status_code == 200
        client.cookies["planted"] = _as_received(value.replace("\r\n", "").replace("\x00", ""))
        assert client.get(page).status_code in (200, 400)
        del client.cookies["planted"]
        form = {"body": value, "kind": value, "occurred_at": value, "note_id": value}
        assert client.post(reverse("records:daily_note_new", args=[resident.pk]), form).status_code in (400, 413, 422)
        visitor = type(client)()
        assert visitor.post(reverse("access:organisation"), {"code": value}).status_code in (400, 413, 422)
        assert visitor.get(
            reverse("api:residents"), HTTP_AUTHORIZATION=_as_received(f"Bearer carehome.rosebank.{value}")
        ).status_code in (400, 401, 403)
        visitor.post(reverse("access:organisation"), {"code": "rosebank"})
        answer = visitor.post(reverse("access:sign_in"), {"email": value, "password": value})
        assert answer.status_code in (400, 413, 422)
        assert client.post(
            reverse("api:notes", args=[resident.pk]),
            "{}",
            content_type="application/json",
            HTTP_IDEMPOTENCY_KEY=_as_received(value),
        ).status_code in (400, 403)

    services.close_views(organisation, everything=True)
    assert verify_organisation(organisation).ok
    with as_admin() as admin:
        rows = admin.execute("SELECT string_agg(e::text, ' ') FROM audit_event e").fetchone()[0]
    assert planted not in rows
    assert max(len(bytes(detail)) for detail in Event.objects.values_list("detail", flat=True)) < 10_000


def test_a_name_of_a_tablet_and_of_a_person_may_hold_anything_and_the_ledger_verifies(world, administrator):
    enrol_device(actor=Actor.of(administrator), name="Oak\n" + STRANGE, care_home=world.home)
    add_staff(
        actor=world.system, email="x@y.example", first_name="A" + STRANGE, last_name="\nB", password="long enough"
    )

    assert verify_organisation(world.organisation.pk).ok
