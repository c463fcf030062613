"""What we lean on is away: a clear page, a reference, nothing changed."""

import pytest
from django.db import connection
from django.urls import reverse

from access import keys
from access.wrapping import wrapping_key
from tests.doors import client_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def no_database():
    host = connection.settings_dict["HOST"]

    def away():
        connection.close()
        connection.settings_dict["HOST"] = "/nowhere"

    yield away
    connection.close()
    connection.settings_dict["HOST"] = host


@pytest.fixture
def client(world, carer):
    return client_of(carer, raise_request_exception=False)


@pytest.mark.parametrize("path", ["/", "/residents/", "/sign-in/", "/lock/", "/data-security/"])
def test_page_without_a_database_says_so(client, no_database, path):
    no_database()

    response = client.get(path)

    page = response.content.decode()
    assert response.status_code == 503
    assert "Care records" in page
    assert "Traceback" not in page
    assert "nowhere" not in page


def test_api_without_a_database_says_so_in_json(client, no_database):
    no_database()

    response = client.get("/api/v1/residents/", headers={"Accept": "application/json"})

    assert response.status_code == 503
    assert "Try again soon" in response.json()["detail"]


def test_healthz_lives_without_a_database(client, no_database):
    no_database()

    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503


def test_record_without_its_keys_is_not_shown_half(client, resident, settings, tmp_path):
    settings.WRAPPING_KEY_FILE = tmp_path / "gone"
    keys.forget()
    wrapping_key.cache_clear()
    try:
        response = client.get(reverse("records:resident", args=[resident.pk]))
    finally:
        wrapping_key.cache_clear()
        keys.forget()

    assert response.status_code == 503
    assert "Brown" not in response.content.decode()


def test_pages_work_without_the_broker(client, resident):
    """The tests have none: care goes on, background work waits."""
    assert client.get(reverse("records:resident", args=[resident.pk])).status_code == 200
