"""A resident's personal content can be destroyed for good; the ledger still verifies, and nobody does it in silence."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import audit.services
from access import keys
from access.actors import Actor
from access.errors import KeyUnavailable, NotPermitted
from access.models import DataKey
from access.services import make_token
from access.tenancy import acting_for
from audit.context import Origin, acting
from audit.errors import Unopenable
from audit.models import Event
from audit.reading import collecting
from records import erasure_list, queries, services
from records.errors import AlreadyErased, BadText, NotLawful, WrongName
from records.models import DailyNote, Erasure, NameToken, Resident
from tests.database import as_admin

REASON = "The family asked for it, and the record was a test."


def erase(actor, resident, **changes):
    values = {
        "basis": "request",
        "reason": REASON,
        "confirm": "Ada Brown",
        "law_allows": True,
    }
    return services.erase_resident(actor=actor, resident=resident, **values | changes)


@pytest.fixture
def boss(manager, actor_for):
    return actor_for(manager)


@pytest.fixture
def note(carer, resident, actor_for):
    return services.write_daily_note(
        actor=actor_for(carer),
        resident=resident,
        body="Slept well beside Penelope.",
        occurred_at=timezone.now() - timedelta(minutes=5),
        kind="rest",
    )


def verified(organisation):
    return audit.services.verify_ledger(organisation_id=organisation.pk, actor="system:test", records=True)


def row_of(resident):
    with collecting("looking at what an erasure left"):
        return Resident.objects.get(organisation_id=resident.organisation_id, pk=resident.pk)


def test_erase_resident_leaves_nothing_that_opens(boss, resident, note):
    erase(boss, resident)

    left = row_of(resident)
    with pytest.raises(KeyUnavailable):
        _ = left.first_name
    with collecting("looking at what an erasure left"), pytest.raises(KeyUnavailable):
        _ = DailyNote.objects.get(organisation_id=resident.organisation_id, pk=note.pk).body
    key = DataKey.objects.get(organisation_id=resident.organisation_id, subject_id=resident.pk)
    assert (key.wrapped, key.destroyed_at is None) == (None, False)
    assert (left.room, left.admitted_on, left.nhs_number_index) == ("", None, None)
    assert not NameToken.objects.filter(organisation_id=resident.organisation_id, resident_id=resident.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_erase_resident_leaves_no_clear_text_in_any_table(world, boss, carer):
    resident = world.admit(
        first_name="Adelaide",
        last_name="Brownlow",
        preferred_name="Addiekins",
        room="Q17-West",
        nhs_number="9434765919",
        admitted_on=timezone.localdate(),
        about_me="Sailing.",
    )
    with as_admin() as admin:
        tables = [
            name
            for (name,) in admin.execute(
                "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            ).fetchall()
        ]

    erase(boss, resident, reason="Asked for.", confirm="Adelaide Brownlow")

    with as_admin() as admin:
        dump = " ".join(
            str(admin.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{name}" t').fetchone()) for name in tables
        )
    clear = ("Adelaide", "Brownlow", "Addiekins", "Q17-West", "9434765919", "Penicillin", "Sailing", "1938-03-14")
    assert [word for word in clear if word in dump] == []
    assert [word for word in clear if word.encode().hex() in dump] == []


def test_erase_resident_takes_the_details_out_of_every_entry_about_them_alone(boss, organisation, resident, note):
    before = Event.objects.filter(residents=[resident.pk]).count()

    done = erase(boss, resident)

    assert before == done.entries >= 3  # admitted, its key, the note
    assert not Event.objects.filter(residents=[resident.pk]).exclude(detail=None, salt=None).exists()


def test_erase_resident_keeps_the_details_of_entries_about_several(world, boss, resident):
    other = world.admit(first_name="Iris", last_name="Hall", room="5")
    shared = audit.services.append(
        organisation_id=resident.organisation_id,
        actor=boss.ref,
        action="records.resident_list.viewed",
        subject=f"care_home:{world.home.pk}",
        residents=[resident.pk, other.pk],
    )

    erase(boss, resident)

    assert Event.objects.get(pk=shared).detail is not None


def test_ledger_and_records_verify_after_an_erasure(boss, organisation, resident, note, settle):
    erase(boss, resident)
    settle()

    run = verified(organisation)

    assert (run.ok, run.break_kind, run.bad_subject) == (True, "", "")


def test_erasure_is_sealed_with_its_reason_and_its_author(boss, manager, resident, note):
    done = erase(boss, resident)

    entry = Event.objects.get(action="records.resident.erased")
    assert (entry.actor, entry.subject, entry.residents) == (manager.ref, resident.ref, [])
    assert Event.objects.filter(action="access.key.destroyed", actor=manager.ref).count() == 1
    assert (done.reason, done.erased_by, done.notes) == (REASON, manager.ref, 1)
    assert done.backups_until == timezone.localdate() + timedelta(days=57)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"law_allows": False}, NotLawful),
        ({"confirm": "Ada Green"}, WrongName),
        ({"confirm": ""}, WrongName),
        ({"reason": "  "}, BadText),
        ({"basis": "because"}, ValueError),
    ],
)
def test_erase_resident_is_refused_without_what_it_needs(boss, resident, changes, error):
    with pytest.raises(error):
        erase(boss, resident, **changes)

    assert row_of(resident).first_name == "Ada"
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("role", ["carer", "nurse", "senior_carer", "kitchen", "administrator", "inspector"])
def test_erase_resident_is_refused_to_everybody_but_the_manager(world, resident, role):
    with pytest.raises(NotPermitted):
        erase(Actor.of(world.person(role)), resident)


def test_erase_resident_of_another_home_is_refused(world, boss):
    elsewhere = world.admit(care_home=world.second_home)

    with pytest.raises(NotPermitted):
        erase(boss, elsewhere)


def test_second_erasure_is_refused(boss, resident):
    erase(boss, resident)

    with pytest.raises(AlreadyErased):
        erase(boss, resident)


def test_erase_resident_keeps_everything_when_the_ledger_fails(boss, resident, note, monkeypatch):
    def fails(**kwargs):
        raise DatabaseError

    monkeypatch.setattr(audit.services, "append", fails)

    with pytest.raises(DatabaseError):
        erase(boss, resident)

    monkeypatch.undo()
    keys.forget()
    assert row_of(resident).first_name == "Ada"


@pytest.mark.django_db(transaction=True)
def test_erasing_in_the_ledger_needs_its_entry(world, resident):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT audit_erase(%s, %s)", [world.organisation.pk, resident.pk])

    with pytest.raises(DatabaseError), transaction.atomic(), acting_for(world.other.pk), connection.cursor() as cursor:
        cursor.execute("SELECT audit_erase(%s, %s)", [world.organisation.pk, resident.pk])
    assert not Event.objects.filter(detail=None).exists()


@pytest.mark.django_db(transaction=True)
def test_entry_of_an_earlier_transaction_lets_nothing_be_erased(world, boss, resident):
    """The entry must be of the same transaction: one that was sealed before is no licence for later."""
    audit.services.append(
        organisation_id=world.organisation.pk, actor=boss.ref, action="records.resident.erased", subject=resident.ref
    )

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT audit_erase(%s, %s)", [world.organisation.pk, resident.pk])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_event SET detail = NULL, salt = NULL WHERE residents = ARRAY[%(resident)s::uuid]",
        "UPDATE audit_event SET detail = '' WHERE residents = ARRAY[%(resident)s::uuid]",
        "UPDATE audit_event SET action = 'a.b' WHERE residents = ARRAY[%(resident)s::uuid]",
        "DELETE FROM audit_event",
    ],
)
def test_superuser_takes_no_details_out_without_the_entry(world, resident, sql):
    with as_admin() as admin, pytest.raises(Exception, match="append-only"):
        admin.execute(sql, {"resident": resident.pk})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_event SET detail = NULL, salt = NULL, actor = 'staff:x'"
        " WHERE residents = ARRAY[%(resident)s::uuid]",
        "UPDATE audit_event SET detail = NULL, salt = NULL WHERE residents = ARRAY[%(other)s::uuid]",
        "UPDATE audit_event SET detail = NULL, salt = NULL WHERE cardinality(residents) = 0",
    ],
)
def test_erasing_lets_nothing_else_pass(world, resident, sql):
    """Even beside the entry: no other column, no other resident, no entry that names nobody."""
    other = world.admit(first_name="Iris", last_name="Hall", room="5")
    with as_admin() as admin:
        admin.execute("BEGIN")
        admin.execute(
            "INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, commitment)"
            " VALUES (gen_random_uuid(), %s, now(), 'act', 'staff:x', 'records.resident.erased', %s, sha256(''))",
            (world.organisation.pk, resident.ref),
        )
        with pytest.raises(Exception, match="append-only"):
            admin.execute(sql, {"resident": resident.pk, "other": other.pk})
        admin.execute("ROLLBACK")


@pytest.mark.django_db(transaction=True)
def test_erasure_pretended_by_the_database_owner_is_found(world, boss, resident, note):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "UPDATE audit_event SET detail = NULL, salt = NULL WHERE residents = ARRAY[%s::uuid]", (resident.pk,)
        )

    run = verified(world.organisation)

    assert (run.ok, run.break_kind) == (False, "altered")


@pytest.mark.django_db(transaction=True)
def test_resident_marked_as_erased_by_the_database_owner_is_found(world, boss, resident):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE records_resident SET erased_at = now() WHERE id = %s", (resident.pk,))

    run = verified(world.organisation)

    assert (run.ok, run.bad_subject) == (False, resident.ref)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_written_about_an_erased_resident(world, boss, carer, resident, note):
    """A note that was under way while the record was erased finds nobody; nor does the record come back."""
    erase(boss, resident)

    with pytest.raises((IntegrityError, KeyUnavailable)):
        services.write_daily_note(
            actor=Actor.of(carer), resident=resident, body="Too late.", occurred_at=timezone.now()
        )
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE records_resident SET erased_at = NULL WHERE id = %s", [resident.pk])
    with pytest.raises(IntegrityError, match="not on record"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO records_daily_note (id, organisation_id, care_home_id, resident_id, kind, body, for_handover,"
            " occurred_at, recorded_at, written_by, reason) SELECT gen_random_uuid(), organisation_id, care_home_id,"
            " resident_id, kind, body, for_handover, occurred_at, recorded_at, written_by, reason"
            " FROM records_daily_note WHERE id = %s",
            [note.pk],
        )


def test_view_that_ends_after_the_erasure_is_still_sealed(boss, organisation, resident):
    """A page that was open meanwhile: its entry goes under the organisation's key, for the resident's is gone."""
    erase(boss, resident)

    late = audit.services.append(
        organisation_id=organisation.pk,
        actor=boss.ref,
        action="records.resident.viewed",
        subject=resident.ref,
        residents=[resident.pk],
        detail={"page": "records:resident"},
    )

    assert Event.objects.get(pk=late).detail is not None


def test_entry_about_a_resident_without_a_key_is_refused(boss, organisation):
    with pytest.raises(Unopenable):
        audit.services.append(
            organisation_id=organisation.pk,
            actor=boss.ref,
            action="records.resident.viewed",
            subject="resident:none",
            residents=[organisation.pk],
        )


# --- pages and API --------------------------------------------------------------------------------------------------
FORM = {
    "basis": "mistake",
    "reason": "Entered twice.",
    "law_allows": "on",
    "confirm": "ada  brown",
    "password": "correct horse battery",
}


def test_page_erases_and_shows_the_certificate(client_for, manager, resident, note):
    client = client_for(manager)

    response = client.post(reverse("records:resident_erase", args=[resident.pk]), FORM, follow=True)

    certificate = Erasure.objects.get()
    assert response.redirect_chain == [(reverse("records:erasure", args=[certificate.pk]), 302)]
    assert "Entered twice." in response.content.decode()
    assert "Brown" not in response.content.decode()


@pytest.mark.parametrize(
    "change", [{"password": "wrong"}, {"confirm": "Iris Hall"}, {"law_allows": ""}, {"reason": ""}]
)
def test_page_erases_nothing_without_all_of_it(client_for, manager, resident, change):
    response = client_for(manager).post(reverse("records:resident_erase", args=[resident.pk]), FORM | change)

    assert response.status_code == 422
    assert not Erasure.objects.exists()


def test_pages_and_api_of_an_erased_resident(world, client_for, boss, manager, carer, administrator, resident, note):
    """Unknown to those who cared for them; a certificate to those who answer for it; gone from every list."""
    done = erase(boss, resident)
    _row, token = make_token(actor=world.system, staff=carer, name="t", expires_at=timezone.now() + timedelta(days=1))
    api = Client(headers={"Authorization": f"Bearer {token}"})
    page = reverse("records:resident", args=[resident.pk])

    for staff in (manager, administrator):
        assert client_for(staff).get(page).url == reverse("records:erasure", args=[done.pk])
        assert b"was erased" in client_for(staff).get(reverse("records:erasure", args=[done.pk])).content
        assert b"Erased " in client_for(staff).get(reverse("records:erasures")).content
    assert client_for(carer).get(page).status_code == 404
    assert client_for(carer).get(reverse("records:erasure", args=[done.pk])).status_code == 404
    for name in ("records:daily_notes", "records:daily_note_new"):
        assert client_for(carer).get(reverse(name, args=[resident.pk])).status_code == 404
    assert client_for(carer).get(reverse("records:daily_note_correct", args=[note.pk])).status_code == 404
    assert client_for(carer).get(reverse("records:resident_list"), {"q": "Brown"}).context["residents"] == []
    assert api.get(reverse("api:resident", args=[resident.pk])).status_code == 404
    assert api.get(reverse("api:notes", args=[resident.pk])).status_code == 404
    assert api.get(reverse("api:residents")).json()["count"] == 0


def test_nhs_number_of_an_erased_resident_can_be_admitted_again(world, boss):
    number = "9434765919"
    erase(boss, world.admit(nhs_number=number))

    again = world.admit(nhs_number=number)

    assert list(queries.residents(boss)) == [again]


# --- after a restore ------------------------------------------------------------------------------------------------
@pytest.fixture
def anchor_dir(settings, tmp_path):
    settings.AUDIT_ANCHOR_DIR = tmp_path
    return tmp_path


def bring_back(resident):
    """What a restored backup does: the row, the key and the details as they were."""
    with as_admin() as admin:
        rows = {
            "key": admin.execute(
                "SELECT wrapped FROM access_data_key WHERE subject_id = %s", (resident.pk,)
            ).fetchone(),
            "resident": admin.execute("SELECT room FROM records_resident WHERE id = %s", (resident.pk,)).fetchone(),
        }

    def back():
        with as_admin() as admin:
            admin.execute("SET session_replication_role = replica")
            admin.execute(
                "UPDATE access_data_key SET wrapped = %s, destroyed_at = NULL WHERE subject_id = %s",
                (rows["key"][0], resident.pk),
            )
            admin.execute(
                "UPDATE records_resident SET room = %s, erased_at = NULL WHERE id = %s",
                (rows["resident"][0], resident.pk),
            )
            admin.execute("DELETE FROM records_erasure")
        keys.forget()

    return back


@pytest.mark.django_db(transaction=True)
def test_erasures_are_replayed_after_a_restore(world, anchor_dir, boss, manager, resident):
    restore = bring_back(resident)
    erase(boss, resident)
    restore()
    assert [found.first_name for found in queries.residents(Actor.of(manager))] == ["Ada"]
    out = StringIO()

    call_command("erasures_replay", "--json", stdout=out, stderr=StringIO())

    assert json.loads(out.getvalue()) == {"rosebank": [str(resident.pk)], "elmtree": []}
    assert list(queries.residents(Actor.of(manager))) == []
    again = Erasure.objects.get()
    assert (again.basis, again.erased_by) == ("restored", manager.ref)
    assert Event.objects.filter(action="records.resident.erased", actor="system:erasures_replay").count() == 1
    call_command("erasures_replay", "--json", stdout=(out := StringIO()), stderr=StringIO())
    assert json.loads(out.getvalue()) == {"rosebank": [], "elmtree": []}


@pytest.mark.django_db(transaction=True)
def test_list_of_erasures_holds_ids_and_times_only(world, anchor_dir, boss, manager, resident):
    erase(boss, resident)

    (line,) = erasure_list.path_of(world.organisation.pk).read_text().splitlines()

    assert set(json.loads(line)) == {"resident", "erased_at", "erased_by"}
    assert json.loads(line)["resident"] == str(resident.pk)
    assert json.loads(line)["erased_by"] == manager.ref


@pytest.mark.django_db(transaction=True)
def test_rolled_back_erasure_is_not_on_the_list(world, anchor_dir, boss, resident):
    with transaction.atomic():
        erase(boss, resident)
        transaction.set_rollback(True)

    assert erasure_list.read(world.organisation.pk) == {}
    keys.forget()
    assert row_of(resident).first_name == "Ada"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("torn", ['{"resident": "0', ""])
def test_list_that_could_not_be_written_is_written_later(world, anchor_dir, boss, resident, monkeypatch, torn):
    def fails(*args, **kwargs):
        raise OSError

    monkeypatch.setattr(erasure_list, "add", fails)
    erase(boss, resident)
    monkeypatch.undo()
    path = erasure_list.path_of(world.organisation.pk)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(torn)

    with acting(Origin(world.organisation.pk, "system:test")):
        added = services.keep_erasure_list(world.organisation.pk)

    assert added == 1
    assert set(erasure_list.read(world.organisation.pk)) == {resident.pk}
    assert services.keep_erasure_list(world.organisation.pk) == 0
