"""Every URL × role has a stated answer; another organisation's anything is an unknown id; nobody gets in unseen."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

import audit.services
from access.actors import Actor
from access.models import Session
from access.roles import Role
from access.services import add_care_home, add_staff, enrol_device, give_role, lock_session
from audit.models import Event
from compliance.access_reports.services import ask_why, share_report
from compliance.models import Alert, LedgerExport, Pack
from records.services import erase_resident, write_daily_note
from tests.doors import client_of
from tests.promises.matrix import MATRIX, ROLES, Answer


def named_urls(resolver: Any = None, namespace: str = "") -> list[str]:
    names = []
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            names += named_urls(pattern, inner)
        elif isinstance(pattern, URLPattern):
            names.append(f"{namespace}{pattern.name}")
    return names


def test_every_url_is_stated():
    assert sorted(named_urls()) == sorted(MATRIX)


@pytest.fixture
def things(world, resident, actor_for):
    """One of each thing that a URL can name, all of the first home."""
    administrator = actor_for(world.person("administrator"))
    author = world.person("carer", name="Another")
    note = write_daily_note(actor=actor_for(author), resident=resident, body="Slept well.", occurred_at=timezone.now())
    device, _ = enrol_device(actor=administrator, name="Oak tablet 1", care_home=world.home)
    pack = Pack.objects.create(
        organisation=world.organisation,
        edition="2025-26",
        requested_by=administrator.ref,
        reason="Audit",
        steps_total=6,
    )
    alert = Alert.objects.create(
        organisation=world.organisation,
        rule=Alert.Rule.BULK_VIEWING,
        staff_ref=author.ref,
        care_home=world.home,
        first_at=timezone.now(),
        last_at=timezone.now(),
        residents=15,
        explanation="15 residents in 10 minutes.",
    )
    export = LedgerExport.objects.create(
        organisation=world.organisation, format="csv", requested_by=administrator.ref, reason="Audit"
    )
    share, token, _code = share_report(
        actor=administrator, resident=resident, receiver="Jane Brown", relation="Daughter", basis="resident_asked"
    )
    written = Event.objects.get(subject=note.ref)
    question = ask_why(asker=administrator, resident=resident, entry_id=written.pk)
    erased = erase_resident(
        actor=actor_for(world.person("registered_manager")),
        resident=world.admit(first_name="Iris", last_name="Hall", room="5"),
        basis="mistake",
        reason="Entered twice.",
        confirm="Iris Hall",
        law_allows=True,
    )
    for made in (pack, alert, export):
        audit.services.append(
            organisation_id=world.organisation.pk, actor="system:test", action="test.thing.made", subject=made.ref
        )
    return {
        "resident": resident.pk,
        "note": note.pk,
        "staff": author.pk,
        "device": device.pk,
        "pack": pack.pk,
        "alert": alert.pk,
        "erasure": erased.pk,
        "item": "7.3.5",
        "export": export.pk,
        "whom": "person",
        "share": share.pk,
        "entry": written.pk,
        "question": question.pk,
        "organisation_code": world.organisation.code,
        "token": token,
        "report": "privileged",
        "month": f"{timezone.localdate():%Y-%m}",
    }


# What an address can name that belongs to no organisation: another one gets its own answer for it.
NOBODYS = {"item", "whom", "report", "month"}


def ask(client: Client, name: str, stated: Answer, things: dict[str, Any]) -> int:
    url = reverse(name, args=[things[arg] for arg in stated.args])
    if name.startswith("api:") and stated.method == "post":
        return client.post(url, data="{}", content_type="application/json").status_code
    return getattr(client, stated.method)(url, data=stated.data).status_code


@pytest.mark.parametrize("name", sorted(MATRIX))
def test_url_answers_each_role_as_stated(world, things, name):
    stated = MATRIX[name]

    answers = {role: ask(client_of(world.person(role)), name, stated, things) for role in ROLES}

    assert answers == {role: stated.for_role(role) for role in ROLES}


@pytest.mark.parametrize("name", sorted(MATRIX))
def test_url_without_sign_in_shows_nothing(world, things, name):
    stated = MATRIX[name]

    status = ask(Client(), name, stated, things)

    if not stated.open:
        assert status in {303, 401}
    else:
        assert status in {200, 302, stated.yes}


@pytest.mark.parametrize(
    "name", sorted(name for name, stated in MATRIX.items() if set(stated.args) - NOBODYS and not stated.by_link)
)
def test_url_of_another_organisation_is_unknown(world, things, name):
    """The same answer for another organisation's id as for an id that is nobody's."""
    stated = MATRIX[name]
    world.open(world.other.pk)
    system = Actor.system(world.other.pk, "test")
    home = add_care_home(actor=system, name="Elm Court", code="elm-court")
    stranger = add_staff(
        actor=system, email="a@elmtree.example", first_name="A", last_name="B", password="correct horse battery"
    )
    for role in (Role.REGISTERED_MANAGER, Role.ADMINISTRATOR):
        give_role(actor=system, staff=stranger, care_home=home, role=role)
    client = client_of(stranger)
    unknown = {key: (value if key in NOBODYS else uuid4()) for key, value in things.items()}

    theirs, nobodys = (
        client.post(url, data="{}", content_type="application/json")
        if name.startswith("api:") and stated.method == "post"
        else getattr(client, stated.method)(url)
        for url in (
            reverse(name, args=[things[arg] for arg in stated.args]),
            reverse(name, args=[unknown[arg] for arg in stated.args]),
        )
    )

    assert theirs.status_code == nobodys.status_code == 404
    assert _without_tokens(theirs) == _without_tokens(nobodys)


def _without_tokens(response: Any) -> bytes:
    return re.sub(rb'name="csrf-token" content="[^"]+"|value="[A-Za-z0-9]{64}"', b"", response.content)


@pytest.mark.parametrize("name", sorted(name for name, stated in MATRIX.items() if not stated.while_locked))
def test_url_of_a_locked_session_shows_only_the_lock(world, things, name):
    stated = MATRIX[name]
    client = client_of(world.person("registered_manager"))
    row = Session.objects.select_related("staff", "device").get(staff=world.person("registered_manager"))
    lock_session(row=row, reason="asked")

    url = reverse(name, args=[things[arg] for arg in stated.args])
    response = getattr(client, stated.method)(url, headers={"Accept": "text/html"})
    background = getattr(client, stated.method)(url, headers={"HX-Request": "true"})

    assert response.status_code == (423 if name.startswith("api:") else 303)
    assert background.status_code == 423
    assert b"Brown" not in response.content + background.content


def test_second_home_is_closed_to_people_of_the_first(world, carer):
    elsewhere = world.admit(care_home=world.second_home, first_name="Iris", last_name="Hall")

    response = client_of(carer).get(reverse("records:resident", args=[elsewhere.pk]))

    assert response.status_code == 404
