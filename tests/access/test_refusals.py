"""Who was turned away, from what, is in the ledger once: pages, API, sign-in, lock and forged writes."""

import json
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access.actors import Actor
from access.backends import email_index
from access.models import Session
from access.roles import Role
from access.services import add_care_home, add_staff, block_device, enrol_device, give_role, lock_session, make_token
from audit.cipher import cipher
from audit.entries import open_details
from audit.models import Event
from tests.doors import client_of


def told(**about):
    """The details of the entries with these facts, oldest first."""
    return [open_details(event) for event in Event.objects.filter(**about).order_by("at", "id")]


def refusals(**about):
    return list(Event.objects.filter(kind="refusal", **about).order_by("at", "id"))


def test_permission_refused_on_a_page_is_one_refusal(client_for, carer):
    client_for(carer).get(reverse("access:people"))

    (entry,) = refusals()
    assert (entry.action, entry.actor) == ("access.permission.refused", carer.ref)
    assert told(pk=entry.pk)[0]["page"] == "access:people"


@pytest.mark.parametrize("kind", ["another organisation's", "nobody's"])
@pytest.mark.parametrize("name", ["records:resident", "api:resident"])
def test_id_that_is_not_there_is_one_refusal_that_tells_nothing(world, resident, kind, name):
    """In the prober's own ledger, and the same for a resident of another organisation as for an id that nobody has."""
    world.open(world.other.pk)
    system = Actor.system(world.other.pk, "test")
    home = add_care_home(actor=system, name="Elm Court", code="elm-court")
    prober = add_staff(
        actor=system, email="a@elmtree.example", first_name="A", last_name="B", password="correct horse battery"
    )
    give_role(actor=system, staff=prober, care_home=home, role=Role.REGISTERED_MANAGER)
    asked = resident.pk if kind == "another organisation's" else uuid.uuid4()

    client_of(prober).get(reverse(name, args=[asked]))

    (entry,) = refusals()
    assert (entry.organisation_id, entry.actor, entry.action) == (
        world.other.pk,
        prober.ref,
        "access.record.not_found",
    )
    assert (entry.subject, entry.residents) == (f"organisation:{world.other.pk}", [])
    assert told(pk=entry.pk) == [{"page": name, "asked": {"resident_id": str(asked)}}]


def test_address_that_never_was_is_no_refusal(client_for, carer):
    client_for(carer).get("/nothing/here/")

    assert refusals() == []


def test_forged_write_on_a_page_is_one_refusal(carer, resident):
    client = client_of(carer, enforce_csrf_checks=True)

    response = client.post(reverse("records:daily_note_new", args=[resident.pk]), {"body": "Slept well."})

    (entry,) = refusals()
    assert response.status_code == 403
    assert (entry.action, entry.actor) == ("access.request.forged", carer.ref)


def test_forged_write_over_the_api_is_one_refusal(carer, resident):
    client = client_of(carer, enforce_csrf_checks=True)

    client.post(reverse("api:notes", args=[resident.pk]), {"body": "x"}, content_type="application/json")

    assert [(entry.action, entry.actor) for entry in refusals()] == [("access.request.forged", carer.ref)]


@pytest.mark.parametrize("ended", [True, False])
def test_token_that_opens_nothing_is_one_refusal(world, carer, ended):
    _row, token = make_token(actor=world.system, staff=carer, name="t", expires_at=timezone.now() - timedelta(days=1))
    sent = token if ended else f"carehome.{world.organisation.code}.guessed"

    Client().get(reverse("api:residents"), headers={"Authorization": f"Bearer {sent}"})

    (entry,) = refusals()
    assert (entry.action, entry.actor) == ("access.token.refused", "visitor:unknown")
    assert "guessed" not in json.dumps(told(pk=entry.pk))


@pytest.fixture
def visitor(world):
    client = Client()
    client.post(reverse("access:organisation"), {"code": world.organisation.code})
    return client


@pytest.mark.parametrize("known", [True, False])
def test_failed_sign_in_keeps_a_keyed_digest_of_what_was_typed(world, carer, visitor, known):
    """People type their password into the wrong field: nothing typed is kept, and equal tries are still recognised."""
    email = carer.email if known else "my secret password"

    visitor.post(reverse("access:sign_in"), {"email": email, "password": "not it at all"})

    (detail,) = told(action="access.session.sign_in_failed")
    assert detail == {"account": email_index(world.organisation.pk, email).hex()}
    assert Event.objects.get(action="access.session.sign_in_failed").actor == "visitor:unknown"


def test_sign_in_that_is_throttled_is_sealed_as_such_once(carer, visitor):
    for _try in range(7):
        last = visitor.post(reverse("access:sign_in"), {"email": carer.email, "password": "not it at all"})

    tried = Event.objects.filter(action="access.session.sign_in_failed").count()
    throttled = refusals(action="access.session.sign_in_throttled")
    assert last.status_code == 429
    assert (tried + len(throttled), len(throttled) >= 2) == (7, True)


def test_blocked_tablet_ends_its_session_and_says_why(world, administrator, carer, actor_for):
    device, secret = enrol_device(actor=actor_for(administrator), name="Oak tablet 1", care_home=world.home)
    client = client_of(carer, device, secret)
    block_device(actor=actor_for(administrator), device=device)

    client.get(reverse("records:resident_list"))

    assert told(action="access.session.ended") == [{"reason": "tablet blocked"}]


def test_locked_session_that_asks_for_pages_is_told_once_a_minute(carer, resident):
    client = client_of(carer)
    lock_session(row=Session.objects.select_related("staff", "device").get(staff=carer), reason="asked")

    for _time in range(3):
        client.get(reverse("records:resident", args=[resident.pk]))
    client.get(reverse("access:account"), headers={"X-Background": "1"})

    (entry,) = refusals()
    assert (entry.action, entry.actor) == ("access.session.page_refused", carer.ref)
    assert told(pk=entry.pk) == [{"page": "records:resident"}]


# --- what comes in from outside --------------------------------------------------------------------------------------
HOSTILE = {
    "long": "x" * 1_000_000,
    "lines": "a\nSet-Cookie: b\r\nc",
    "bidi": "\u202eevil\u2066",
    "null": "a\x00b",
    "surrogate": "a\udcffb",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("header", ["HTTP_USER_AGENT", "HTTP_X_FORWARDED_FOR", "HTTP_REFERER", "HTTP_ACCEPT_LANGUAGE"])
def test_header_of_any_kind_never_breaks_sealing_nor_reaches_a_column(carer, resident, header, text):
    response = client_of(carer).get(reverse("access:people"), **{header: text})

    assert response.status_code == 403
    (entry,) = refusals()
    assert "evil" not in str(vars(entry))
    assert len(entry.detail) < 1_000


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_form_text_of_any_kind_never_breaks_sealing(client_for, carer, administrator, resident, visitor, text):
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    answers = [
        client_for(carer).get(reverse("records:resident_list"), {"q": plain[:5_000]}).status_code,
        client_for(administrator).post(reverse("access:devices"), {"name": plain, "care_home": "x"}).status_code,
        visitor.post(reverse("access:sign_in"), {"email": plain[:254], "password": "not it at all"}).status_code,
        client_for(carer).post(reverse("access:printed"), {"token": plain, "print_id": plain}).status_code,
    ]

    assert answers[0] == 200
    assert set(answers[1:]) <= {400, 413, 422}


@pytest.mark.parametrize("text", ["Oak\u202etablet", "Oak\ntablet", "Oak\x07tablet", "Oak\u2028tablet"])
def test_name_of_a_tablet_holds_no_hidden_characters(world, administrator, client_for, text):
    response = client_for(administrator).post(
        reverse("access:devices"), {"name": text, "care_home": str(world.home.pk)}
    )

    assert response.status_code == 422


def test_details_of_refusals_are_encrypted(client_for, carer):
    client_for(carer).get(reverse("access:people"))

    (entry,) = refusals()
    assert b"people" not in bytes(entry.detail)
    assert cipher()
