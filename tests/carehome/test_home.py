"""The first page of each person."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("carer", "records:resident_list"),
        ("kitchen", "records:resident_list"),
        ("administrator", "compliance:dashboard"),
    ],
)
def test_home_leads_each_role_to_its_own_work(
    world: Any, client_for: Callable[[Any], Client], role: str, name: str
) -> None:
    response = client_for(world.person(role)).get(reverse("home"))

    assert response["Location"] == reverse(name)
