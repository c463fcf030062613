import pytest

from compliance.access_reports.services import share_report
from tests.doors import client_of


@pytest.fixture
def shared(world, resident, manager, actor_for):
    """(share, token, code) of a link for the resident's daughter."""
    return share_report(
        actor=actor_for(manager),
        resident=resident,
        receiver="Jane Brown",
        relation="Daughter",
        basis="welfare_attorney",
    )


@pytest.fixture
def snoop(world, resident):
    """A carer who opened the daily notes through the real doors, just now."""
    from django.urls import reverse

    person = world.person("carer", name="Jo")
    response = client_of(person).get(reverse("records:daily_notes", args=[resident.pk]))
    assert response.status_code == 200
    return person
