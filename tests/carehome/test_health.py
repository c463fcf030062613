"""The probes: each part that fails is named, with its state and nothing else."""

import json

import pytest
from django.db import OperationalError
from django.urls import reverse

from carehome import health
from carehome.embedded.valkey import Broker

PARTS = {"database": "ready", "broker": "ready", "key": "ready", "migrations": "ready"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("broker"), durable=False)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def ready(client, db, broker, settings):
    """A client of an installation in which every part is ready."""
    settings.REDIS_URL = broker.url
    return client


class _Away:
    """A database that does not answer."""

    def cursor(self):
        raise OperationalError('connection to server at "10.1.2.3", user "carehome_app" failed')


def test_healthz_answers_without_asking_the_database(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        response = client.get(reverse("healthz"))

    assert response.status_code == 200
    assert response.json() == {"state": "alive"}


def test_readyz_answers_when_every_part_is_ready(ready):
    response = ready.get(reverse("readyz"))

    assert response.status_code == 200
    assert response.json() == {"state": "ready", "parts": PARTS}
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("part", "setting", "value"),
    [
        ("broker", "REDIS_URL", "redis+socket:///nowhere/valkey.sock"),
        ("key", "WRAPPING_KEY_FILE", "/nowhere/wrapping.key"),
        ("database", "DATABASE_APP_ROLE", "somebody_else"),
    ],
)
def test_readyz_names_the_part_that_fails(ready, settings, part, setting, value):
    setattr(settings, setting, value)

    response = ready.get(reverse("readyz"))

    assert response.status_code == 503
    assert response.json() == {"state": "not ready", "parts": PARTS | {part: "failed"}}


@pytest.mark.parametrize("content", ["", "c2hvcnQ=", "***"])
def test_readyz_refuses_what_is_no_wrapping_key(ready, settings, tmp_path, content):
    settings.WRAPPING_KEY_FILE = tmp_path / "wrapping.key"
    settings.WRAPPING_KEY_FILE.write_text(content)

    response = ready.get(reverse("readyz"))

    assert response.json()["parts"]["key"] == "failed"


def test_readyz_waits_for_migrations(ready, monkeypatch):
    monkeypatch.setattr(health, "newest_migrations", lambda: frozenset({("records", "9999_not_yet")}))

    response = ready.get(reverse("readyz"))

    assert response.json()["parts"]["migrations"] == "failed"


def test_readyz_says_nothing_of_hosts_or_users(ready, monkeypatch):
    monkeypatch.setattr(health, "connection", _Away())

    response = ready.get(reverse("readyz"))

    assert response.status_code == 503
    assert json.loads(response.content)["parts"]["database"] == "failed"
    assert b"10.1.2.3" not in response.content
    assert b"carehome_app" not in response.content
