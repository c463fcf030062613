"""A print is told by the browser and sealed as what the page was, by whom it was shown to, once."""

import re
import uuid

import pytest
from django.urls import reverse

from access.printing import page_token, read_token
from audit.entries import open_details
from audit.models import Event
from tests.doors import client_of


def token_on(client, url):
    response = client.get(url)
    return re.search(r'data-print-token="([^"]*)"', response.content.decode()).group(1)


def tell(client, page_token, **changes):
    values = {"token": page_token, "print_id": str(uuid.uuid4()), "seconds_ago": "0"}
    return client.post(reverse("access:printed"), values | changes)


def printed():
    return list(Event.objects.filter(action__endswith="printed").order_by("at", "id"))


def test_print_of_a_residents_page_is_sealed_with_the_resident(client_for, carer, resident):
    client = client_for(carer)

    response = tell(client, token_on(client, reverse("records:resident", args=[resident.pk])))

    (entry,) = printed()
    assert response.status_code == 204
    assert (entry.action, entry.actor, entry.subject) == ("records.resident.printed", carer.ref, resident.ref)
    assert (entry.residents, entry.care_home_id, entry.kind) == ([resident.pk], resident.care_home_id, "act")
    assert open_details(entry) == {"page": "records:resident", "seconds_ago": 0, "residents": 1}


def test_print_of_a_list_names_everybody_on_it(world, client_for, carer, resident):
    other = world.admit(first_name="Iris", last_name="Hall", room="5")
    client = client_for(carer)

    tell(client, token_on(client, reverse("records:resident_list")))

    (entry,) = printed()
    assert entry.action == "records.resident_list.printed"
    assert entry.residents == sorted([resident.pk, other.pk])


def test_print_of_a_page_without_residents_is_of_its_app(client_for, administrator):
    client = client_for(administrator)

    tell(client, token_on(client, reverse("access:people")))

    assert [(entry.action, entry.residents) for entry in printed()] == [("access.page.printed", [])]


def test_print_told_twice_is_one_print(client_for, carer, resident):
    client, print_id = client_for(carer), str(uuid.uuid4())
    token = token_on(client, reverse("records:resident", args=[resident.pk]))

    answers = [tell(client, token, print_id=print_id).status_code for _time in range(3)]
    tell(client, token)

    assert answers == [204] * 3
    assert len(printed()) == 2


def test_print_told_late_is_by_the_person_it_was_shown_to(world, administrator, carer, nurse, resident, actor_for):
    """The tablet had no connection; a colleague has signed in since."""
    from access.services import enrol_device

    device, secret = enrol_device(actor=actor_for(administrator), name="Oak tablet 1", care_home=world.home)
    token = token_on(client_of(carer, device, secret), reverse("records:resident", args=[resident.pk]))

    colleague = client_of(nurse, device, secret)
    tell(colleague, token, seconds_ago="7200")
    tell(colleague, token, seconds_ago="7200")

    (entry,) = printed()
    assert (entry.actor, entry.device) == (carer.ref, device.ref)
    assert open_details(entry)["told_by"] == nurse.ref
    assert open_details(entry)["seconds_ago"] == 7200


def test_print_told_from_elsewhere_is_the_tellers_own(carer, nurse, resident):
    """Whoever got hold of a colleague's page cannot have prints sealed in the colleague's name."""
    token = token_on(client_of(carer), reverse("records:resident", args=[resident.pk]))

    tell(client_of(nurse), token)

    (entry,) = printed()
    assert entry.actor == nurse.ref
    assert open_details(entry)["shown_to"] == carer.ref


@pytest.mark.parametrize(
    "change",
    [
        {"token": "nonsense"},
        {"token": ""},
        {"print_id": "x"},
        {"seconds_ago": "-1"},
        {"seconds_ago": "99999999"},
    ],
)
def test_telling_that_names_no_page_of_ours_is_refused(client_for, carer, resident, change):
    client = client_for(carer)
    token = token_on(client, reverse("records:resident", args=[resident.pk]))

    assert tell(client, token, **change).status_code == 400
    assert printed() == []


def test_token_cannot_be_altered_nor_used_in_another_organisation(world, client_for, carer, resident):
    from access.errors import UnknownPage

    client = client_for(carer)
    token = token_on(client, reverse("records:resident", args=[resident.pk]))

    assert tell(client, token[:-3] + "abc").status_code == 400
    with pytest.raises(UnknownPage):
        read_token(token, world.other.pk)


def test_token_names_nobody_in_words(client_for, carer, resident):
    token = token_on(client_for(carer), reverse("records:resident", args=[resident.pk]))

    assert len(token) < 600
    assert page_token
    for word in ("Ada", "Brown", "Addie"):
        assert word not in token


def test_telling_is_no_activity_and_waits_while_locked(carer, resident):
    from access.models import Session
    from access.services import lock_session

    client = client_of(carer)
    token = token_on(client, reverse("records:resident", args=[resident.pk]))
    lock_session(row=Session.objects.select_related("staff", "device").get(staff=carer), reason="asked")

    assert client.post(reverse("access:printed"), {"token": token}, headers={"X-Background": "1"}).status_code == 423
    assert printed() == []
