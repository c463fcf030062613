"""A page of fifty notes with every protection, against the same page bare; as HTML and as JSON, layer by layer.

The real views, middleware, templates and serialisers answer a signed-in carer in every case. Bare means: a database
role that row-level security does not hold and no organisation in the statements, notes and resident stored as clear
text (another resident's rows, written over for this), no record of what was read and no view entry. Then come, one
after the other, the tenancy wall, the decryption, and the view's entry before the page leaves.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import Any
from unittest import mock

import psycopg

from bench import harness

NOTES = 50
BODY = "Assisted with breakfast, ate well, mood bright. Walked to the lounge with the frame and one carer. " * 3
_ROLE = "CREATE ROLE bench_bare LOGIN BYPASSRLS PASSWORD 'bare' IN ROLE carehome_app"


class House:
    def __init__(self, stack: ExitStack) -> None:
        from django.utils import timezone

        from access.actors import Actor
        from access.roles import Role
        from access.services import add_care_home, add_staff, create_organisation, give_role
        from access.tenancy import acting_for
        from audit.context import Origin, acting
        from audit.reading import collecting
        from records.services import admit_resident, write_daily_note
        from tests.doors import client_of

        organisation = create_organisation(actor_ref="system:bench", name="Bench", code="bench")
        stack.enter_context(acting_for(organisation.pk))
        system = Actor.system(organisation.pk, "bench")
        with acting(Origin(organisation.pk, "system:bench")), collecting("benchmark"):
            home = add_care_home(actor=system, name="Bench", code="bench")
            staff = add_staff(actor=system, email="b@b.example", first_name="B", last_name="B", password="a password")
            give_role(actor=system, staff=staff, care_home=home, role=Role.REGISTERED_MANAGER)
            actor = Actor.of(staff)
            self.residents = [
                admit_resident(
                    actor=actor,
                    care_home=home,
                    first_name="A",
                    last_name=name,
                    born_on=date(1938, 3, 14),
                    gender="female",
                )
                for name in ("Sealed", "Clear")
            ]
            for resident in self.residents:
                for _ in range(NOTES):
                    write_daily_note(actor=actor, resident=resident, body=BODY, occurred_at=timezone.now())
        self.client = client_of(staff)

    def clear(self, admin: psycopg.Connection[Any]) -> None:
        """Write the second resident's encrypted columns over with clear text."""
        from access.encryption import EncryptedTextField
        from audit.reading import collecting
        from records.models import DailyNote, Resident

        admin.execute("SET session_replication_role = replica")
        with collecting("benchmark"):
            rows = [*Resident.objects.filter(pk=self.residents[1].pk), *self._notes(DailyNote)]
            for row in rows:
                for field in row._meta.concrete_fields:
                    if isinstance(field, EncryptedTextField) and getattr(row, field.attname) is not None:
                        admin.execute(
                            f"UPDATE {row._meta.db_table} SET {field.column} = %s WHERE id = %s",
                            (field.to_bytes(getattr(row, field.attname)), row.pk),
                        )

    def _notes(self, model: Any) -> list[Any]:
        return list(model.objects.filter(resident_id=self.residents[1].pk))


@contextmanager
def _clear_text() -> Iterator[None]:
    from access.encryption import EncryptedTextField
    from records.models import DailyNote, Resident

    sealed = EncryptedTextField.from_db_value

    def from_db_value(self: Any, value: Any, *rest: Any) -> Any:
        if value is None or self.model not in (Resident, DailyNote):
            return sealed(self, value, *rest)
        return self.to_value(bytes(value))

    with mock.patch.object(EncryptedTextField, "from_db_value", from_db_value):
        yield


@contextmanager
def _no_view() -> Iterator[None]:
    with mock.patch("access.middleware._seal_reading"):
        yield


class Bare:
    """A second connection, over which nothing names an organisation and nothing asks for one."""

    def __init__(self) -> None:
        from django.db import connection
        from django.db.backends.postgresql.base import DatabaseWrapper

        from access import tenancy

        tenancy._weak_roles.add("bench_bare")
        settings = connection.settings_dict | {"USER": "bench_bare", "PASSWORD": "bare"}
        self.wrapper = DatabaseWrapper(settings, "default")
        self.wrapper.ensure_connection()
        self.wrapper.execute_wrappers.clear()

    @contextmanager
    def open(self) -> Iterator[None]:
        from django.db import connections, models

        from audit.reading import Watched

        walled = connections["default"]
        connections["default"] = self.wrapper
        try:
            with mock.patch.object(Watched, "from_db", classmethod(models.Model.from_db.__func__)):  # type: ignore[attr-defined]
                yield
        finally:
            connections["default"] = walled


def _turns(house: House, bare: Bare, path: str, acts: int) -> dict[str, Callable[[], float]]:
    sealed, clear = (path.format(resident.pk) for resident in house.residents)

    def turn(url: str, *contexts: Callable[[], Any]) -> Callable[[], float]:
        def go() -> float:
            with ExitStack() as stack:
                for context in contexts:
                    stack.enter_context(context())
                started = time.perf_counter()
                for _ in range(acts):
                    response = house.client.get(url)
                took = (time.perf_counter() - started) / acts
            if response.status_code != 200 or response.content.count(BODY[:40].encode()) < NOTES:
                raise SystemExit(f"The page did not come: {response.status_code}")
            return took

        return go

    return {
        "bare": turn(clear, bare.open, _clear_text, _no_view),
        "behind the tenancy wall, reads noted": turn(clear, _clear_text, _no_view),
        "and decrypted": turn(sealed, _no_view),
        "and the view written down: as it is": turn(sealed),
    }


def main() -> None:
    options = harness.options(__doc__)
    with harness.installation() as folder, ExitStack() as stack:
        from django.conf import settings
        from django.core.management import call_command

        from carehome.embedded.postgres import Cluster

        settings.ALLOWED_HOSTS = ["testserver"]
        call_command("collectstatic", verbosity=0, interactive=False)
        admin = stack.enter_context(psycopg.connect(Cluster(folder / "postgres").conninfo("carehome"), autocommit=True))
        admin.execute(_ROLE)
        house = House(stack)
        house.clear(admin)
        bare = Bare()
        for title, path in (("HTML", "/residents/{}/notes/"), ("JSON", "/api/v1/residents/{}/notes/")):
            turns = _turns(house, bare, path, options.acts)
            for turn in turns.values():
                turn()
            results = harness.measure_turns(turns, rounds=max(7, options.rounds))
            harness.report(f"a page of {NOTES} notes, {title}", results, as_json=options.json)


if __name__ == "__main__":
    main()
