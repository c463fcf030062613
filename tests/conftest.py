"""What every test stands on: real PostgreSQL as the application role, two organisations, people of every role."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from functools import cache
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client, TransactionTestCase
from django.utils import timezone

from tests import database
from tests import settings as run

CONTROLLER = "PYTEST_XDIST_WORKER" not in os.environ


def pytest_configure(config: pytest.Config) -> None:
    """With workers, the controller starts the cluster: it outlives them all."""
    if CONTROLLER and getattr(config.option, "numprocesses", None) and not config.option.collectonly:
        database.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    if CONTROLLER:
        run.CLUSTER.stop()
        shutil.rmtree(run.RUN, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    """Each worker's own copy of the migrated template; Django makes no database, for the application role may not."""
    with django_db_blocker.unblock():
        if not run.CLUSTER.running():
            database.start()
        database.copy_template()
        with patch.object(TransactionTestCase, "_fixture_teardown", _empty):
            yield
        connection.close()


def _empty(self: Any) -> None:
    from access import keys

    connection.close()
    database.empty()
    keys.forget()


@pytest.fixture
def settle() -> Callable[[], None]:
    """Fire the deferred triggers now, as a commit would, without one."""

    def fire() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")

    return fire


@pytest.fixture
def end_views(world: "World") -> Callable[[], int]:
    """Seal the first organisation's open views now, as if their minute were over."""
    from audit.services import close_views

    return lambda: close_views(world.organisation.pk, everything=True)


@pytest.fixture(scope="session", autouse=True)
def pins_hashed_once() -> Iterator[None]:
    """The same PIN has the same hash in every test: Argon2 takes longer than most of them."""
    from access.services import staff

    with patch.object(staff, "make_pin", cache(staff.make_pin)):
        yield


class World:
    """Two organisations with two homes each, made by the application's own services."""

    def __init__(self) -> None:
        from access.actors import Actor
        from access.services import add_care_home, create_organisation

        self.organisation = create_organisation(actor_ref="system:test", name="Rosebank Care", code="rosebank")
        self.other = create_organisation(actor_ref="system:test", name="Elm Tree Homes", code="elmtree")
        self.stack = ExitStack()
        self.open(self.organisation.pk)
        self.system = Actor.system(self.organisation.pk, "test")
        self.home = add_care_home(actor=self.system, name="Rosebank House", code="rosebank-house")
        self.second_home = add_care_home(actor=self.system, name="Rosebank Lodge", code="rosebank-lodge")
        self.people: dict[str, Any] = {}

    def open(self, organisation_id: Any) -> None:
        from access.tenancy import acting_for
        from audit.context import Origin, acting
        from audit.reading import collecting

        self.stack.enter_context(acting_for(organisation_id))
        self.stack.enter_context(acting(Origin(organisation_id, "system:test")))
        self.stack.enter_context(collecting("arranging a test"))

    def person(self, role: str, *, home: Any = None, name: str = "") -> Any:
        """Somebody who holds the role at the first home, made once per role and home."""
        from access.roles import TEMPORARY, Role
        from access.services import add_staff, give_role, grant_shift

        home = home or self.home
        key = f"{role}-{home.code}{name}"
        if key not in self.people:
            staff = add_staff(
                actor=self.system,
                email=f"{key}@{self.organisation.code}.example",
                first_name=name or role.replace("_", " ").title().split()[0],
                last_name="Example",
                password="correct horse battery",
                pin="246810",
            )
            if Role(role) in TEMPORARY:
                now = timezone.now()
                grant_shift(
                    actor=self.system,
                    staff=staff,
                    care_home=home,
                    role=Role(role),
                    starts_at=now - timedelta(hours=1),
                    ends_at=now + timedelta(hours=8),
                    reason="Shift",
                )
            else:
                give_role(actor=self.system, staff=staff, care_home=home, role=Role(role))
            self.people[key] = staff
        return self.people[key]

    def admit(self, **values: Any) -> Any:
        """A resident of the first home, admitted by its manager."""
        from access.actors import Actor
        from records.services import admit_resident

        defaults = {
            "care_home": self.home,
            "title": "Mrs",
            "first_name": "Ada",
            "last_name": "Brown",
            "preferred_name": "Addie",
            "born_on": date(1938, 3, 14),
            "gender": "female",
            "room": "4",
            "allergies": "Penicillin",
        }
        return admit_resident(
            actor=Actor.of(self.person("registered_manager", home=values.get("care_home"))), **defaults | values
        )


@pytest.fixture
def world(db: None) -> Iterator[World]:
    made = World()
    with made.stack:
        yield made


@pytest.fixture
def organisation(world: World) -> Any:
    return world.organisation


@pytest.fixture
def other_organisation(world: World) -> Any:
    return world.other


@pytest.fixture
def home(world: World) -> Any:
    return world.home


@pytest.fixture
def carer(world: World) -> Any:
    return world.person("carer")


@pytest.fixture
def nurse(world: World) -> Any:
    return world.person("nurse")


@pytest.fixture
def kitchen(world: World) -> Any:
    return world.person("kitchen")


@pytest.fixture
def manager(world: World) -> Any:
    return world.person("registered_manager")


@pytest.fixture
def administrator(world: World) -> Any:
    return world.person("administrator")


@pytest.fixture
def resident(world: World) -> Any:
    return world.admit()


@pytest.fixture
def actor_for() -> Callable[[Any], Any]:
    """A fresh actor of a person: permissions are read anew."""
    from access.actors import Actor

    return Actor.of


@pytest.fixture
def client_for(world: World) -> Callable[..., Client]:
    """A signed-in client of a person."""
    from tests.doors import client_of

    return client_of
