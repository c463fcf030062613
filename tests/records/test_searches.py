"""Searches are in the ledger: by whom, how often and with how much found, and never what was typed."""

from django.urls import reverse

import audit.services
from access import keys
from access.envelope import blind_index
from audit.entries import open_details
from audit.models import Event


def searches(organisation):
    audit.services.close_views(organisation.pk, everything=True)
    return list(Event.objects.filter(action="records.resident_list.searched").order_by("at", "id"))


def search(client, words, **more):
    return client.get(reverse("records:resident_list"), {"q": words, **more})


def test_search_is_sealed_with_its_count_and_a_keyed_digest(client_for, organisation, carer, resident):
    search(client_for(carer), "  Brown ADA ")

    (entry,) = searches(organisation)
    digest = blind_index(keys.index_key(organisation.pk), "resident.search", "brown ada").hex()
    assert (entry.actor, entry.kind, entry.residents) == (carer.ref, "view", [])
    details = open_details(entry)
    assert (details["search"], details["found"]) == (digest, 1)
    assert "rown" not in str(details)


def test_equal_searches_within_a_minute_are_one_entry_with_a_count(client_for, organisation, carer, resident):
    client = client_for(carer)
    for words in ("Brown", "brown", "Brown ", "Hall"):
        search(client, words)

    entries = searches(organisation)

    assert sorted(entry.count for entry in entries) == [1, 3]
    assert len({open_details(entry)["search"] for entry in entries}) == 2


def test_search_in_one_home_is_about_that_home(world, client_for, organisation, resident):
    from access.roles import Role
    from access.services import give_role

    manager = world.person("registered_manager")
    give_role(actor=world.system, staff=manager, care_home=world.second_home, role=Role.REGISTERED_MANAGER)

    search(client_for(manager), "Brown", home=world.second_home.code)

    (entry,) = searches(organisation)
    assert (entry.subject, entry.care_home_id) == (world.second_home.ref, world.second_home.pk)
    assert open_details(entry)["found"] == 0


def test_list_without_a_search_is_none(client_for, organisation, carer, resident):
    client_for(carer).get(reverse("records:resident_list"))
    search(client_for(carer), "   ")

    assert searches(organisation) == []
