"""The API stands behind the same doors as the pages."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access.models import IdempotencyRecord, RoleHolding, Session
from access.roles import Role
from access.services import give_role, lock_session, make_token
from audit.models import Event
from records.models import DailyNote, Resident


@pytest.fixture
def notes_url(resident):
    return reverse("api:notes", args=[resident.pk])


@pytest.fixture
def note():
    return {"body": "Sang along.", "occurred_at": timezone.now().isoformat(), "kind": "mood"}


def post(client, url, data, key="k1", **headers):
    return client.post(url, data, content_type="application/json", headers={"Idempotency-Key": key, **headers})


def token_client(world, staff, **kwargs):
    _row, token = make_token(
        actor=world.system, staff=staff, name="test", expires_at=timezone.now() + kwargs.get("lasts", timedelta(days=1))
    )
    return Client(headers={"Authorization": f"Bearer {token}"}), token


def test_session_reads_residents_and_notes_and_seals_the_view(client_for, carer, resident, notes_url, end_views):
    client = client_for(carer)

    listed = client.get(reverse("api:residents")).json()
    client.get(notes_url)
    end_views()

    assert [r["last_name"] for r in listed["results"]] == ["Brown"]
    assert Event.objects.filter(kind="view", actor=carer.ref).count() == 2


def test_token_acts_as_its_person_under_the_same_policy(world, carer, kitchen, resident, notes_url, end_views):
    carers, _ = token_client(world, carer)
    kitchens, _ = token_client(world, kitchen)

    assert carers.get(notes_url).status_code == 200
    assert kitchens.get(notes_url).status_code == 403
    end_views()
    view = Event.objects.get(kind="view")
    assert (view.actor, view.device.split(":")[0]) == (carer.ref, "api_token")
    assert Event.objects.filter(kind="refusal", actor=kitchen.ref).count() == 1


def test_token_writes_a_note_as_its_person(world, carer, notes_url, note):
    client, _ = token_client(world, carer)

    made = post(client, notes_url, note)

    assert made.status_code == 201
    assert made.json()["written_by"] == carer.ref
    events = Event.objects.filter(subject=f"daily_note:{made.json()['id']}")
    assert {e.actor for e in events} == {carer.ref}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "carehome.rosebank.wrong",
        "carehome.nowhere.x",
        "carehome.elmtree.x",
        "nonsense",
        "carehome..",
        "\x00",
        "carehome.\x00.x",
    ],
)
def test_token_that_is_none_is_refused(world, resident, token):
    response = Client().get(reverse("api:residents"), headers={"Authorization": f"Bearer {token}"})

    assert response.status_code == 401


def test_token_that_has_ended_is_refused(world, carer):
    client, _ = token_client(world, carer, lasts=timedelta(seconds=-1))

    assert client.get(reverse("api:residents")).status_code == 401


def test_token_of_one_organisation_reads_nothing_of_another(world, carer, resident):
    from access.actors import Actor
    from access.tenancy import acting_for

    _, token = token_client(world, carer)
    forged = token.replace("rosebank", "elmtree")

    assert Client().get(reverse("api:residents"), headers={"Authorization": f"Bearer {forged}"}).status_code == 401
    with acting_for(world.other.pk):
        assert not Actor.of(carer).care_home_ids()


def test_token_is_stored_as_a_digest_only(world, carer):
    from access.models import ApiToken

    _, token = token_client(world, carer)

    assert token.split(".")[2] not in str(vars(ApiToken.objects.get()))


def test_write_is_made_once_per_key(client_for, carer, notes_url, note):
    client = client_for(carer)

    first, again = post(client, notes_url, note), post(client, notes_url, note)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    assert DailyNote.objects.count() == 1


def test_write_repeated_shows_what_the_person_may_see_now_and_is_a_view(world, client_for, manager, home, end_views):
    client, url = client_for(manager), reverse("api:residents")
    ada = {
        "care_home_id": str(home.pk),
        "first_name": "Ada",
        "last_name": "Brown",
        "born_on": "1938-03-14",
        "gender": "female",
        "nhs_number": "943 476 5919",
        "allergies": "none known",
    }
    first = post(client, url, ada)
    RoleHolding.objects.filter(staff=manager).update(ends_at=timezone.now())
    give_role(actor=world.system, staff=manager, care_home=home, role=Role.ADMINISTRATOR)

    again = post(client, url, ada)
    end_views()

    assert first.json()["nhs_number"] == "9434765919"
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert again.json()["nhs_number"] is again.json()["born_on"] is None
    assert Event.objects.filter(kind="view", actor=manager.ref).count() == 1
    assert IdempotencyRecord.objects.get().answer == {"id": first.json()["id"]}


def test_write_with_a_used_key_and_another_body_is_a_conflict(client_for, carer, notes_url, note):
    client = client_for(carer)
    post(client, notes_url, note)

    response = post(client, notes_url, note | {"body": "Something else."})

    assert response.status_code == 409
    assert "new key" in response.json()["detail"]
    assert DailyNote.objects.count() == 1


def test_write_that_failed_leaves_its_key_free(client_for, carer, notes_url, note):
    client = client_for(carer)

    assert post(client, notes_url, note | {"body": " "}).status_code == 400
    assert not IdempotencyRecord.objects.exists()
    assert post(client, notes_url, note).status_code == 201


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"body": ""}, "body"),
        ({"body": "x" * 4001}, "body"),
        ({"body": "a\x07b"}, "body"),
        ({"body": None}, "body"),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, "occurred_at"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"kind": "flying"}, "kind"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_write_says_what_is_wrong_by_field(client_for, carer, notes_url, note, change, field):
    response = post(client_for(carer), notes_url, note | change)

    assert response.status_code == 400
    assert field in response.json()
    assert not DailyNote.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b'{"body": NaN}', b'{"body": "a", "body": "b"}', b"\xff\xfe", b'"text"', b"null"),
        *(b'{"\\ud800": 1}', b'{"kind": "\\udfff"}', b"[" * 100_000, b'{"a":' * 50_000),
    ],
    ids=range(12),
)
def test_write_of_malformed_json_is_refused(client_for, carer, notes_url, body):
    response = client_for(carer).post(
        notes_url, body, content_type="application/json", headers={"Idempotency-Key": "k"}
    )

    assert response.status_code == 400
    assert not DailyNote.objects.exists()


def test_write_of_five_megabytes_is_refused(client_for, carer, notes_url, note):
    response = post(client_for(carer), notes_url, note | {"body": "x" * 5_000_000})

    assert response.status_code == 413
    assert "4,000" in response.json()["detail"]


def test_write_without_a_key_is_refused(client_for, carer, notes_url, note):
    response = client_for(carer).post(notes_url, note, content_type="application/json")

    assert response.status_code == 400
    assert "Idempotency-Key" in response.json()


def test_write_by_session_needs_the_csrf_token(carer, notes_url, note, world):
    from tests.doors import client_of

    response = post(client_of(carer, enforce_csrf_checks=True), notes_url, note)

    assert response.status_code == 403
    assert not DailyNote.objects.exists()


def test_locked_session_gets_423_and_nothing_else(client_for, carer, notes_url, note):
    client = client_for(carer)
    lock_session(row=Session.objects.select_related("staff", "device").get(), reason="asked")

    for response in (client.get(notes_url), post(client, notes_url, note)):
        assert response.status_code == 423
        assert response.json()["state"] == "locked"


def test_correction_supersedes(client_for, carer, notes_url, note):
    client = client_for(carer)
    made = post(client, notes_url, note).json()
    url = reverse("api:note_corrections", args=[made["id"]])

    corrected = post(client, url, {"body": "Hummed along.", "reason": "She hummed."}, key="k2")
    again = post(client, url, {"body": "X", "reason": "Y"}, key="k3")

    assert corrected.json()["supersedes_id"] == made["id"]
    assert again.status_code == 400
    assert [n["body"] for n in client.get(notes_url).json()["results"]] == ["Hummed along."]


def test_admission_by_api_is_strict(world, client_for, administrator):
    client, url = client_for(administrator), reverse("api:residents")
    ada = {
        "care_home_id": str(world.home.pk),
        "first_name": "Ada",
        "last_name": "Brown",
        "born_on": "1938-03-14",
        "gender": "female",
        "nhs_number": "943 476 5919",
        "allergies": "none known",
    }

    wrong = post(client, url, ada | {"nhs_number": "943 476 5918"})
    right = post(client, url, ada, key="k2")
    twice = post(client, url, ada, key="k3")
    elsewhere = post(client, url, ada | {"care_home_id": "01a207be-0000-7000-8000-000000000000"}, key="k4")

    assert (wrong.status_code, right.status_code, twice.status_code, elsewhere.status_code) == (400, 201, 400, 404)
    assert Resident.objects.get().allergy_state == "none_known"


def test_schema_describes_every_path(client_for, carer):
    schema = client_for(carer).get(reverse("api:schema")).json()

    assert set(schema["paths"]) == {
        "/api/v1/residents/",
        "/api/v1/residents/{resident_id}/",
        "/api/v1/residents/{resident_id}/notes/",
        "/api/v1/notes/{note_id}/corrections/",
    }
