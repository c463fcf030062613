"""A write through the ORM with django-auditlog: our sealed change entry, against auditlog as shipped, against no audit.

Auditlog as shipped writes rows of its own LogEntry table, which this project swaps for the ledger; so it runs in a
process of its own, with settings of its own, in a database of its own on the same server, and the two take turns. The
unaudited insert runs there too. django-pghistory is measured beside them where CAREHOME_BENCH_PGHISTORY names a Python
that has it (with Django and psycopg); it is no dependency of this project. One act is one row, committed.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

BODY = "Assisted with breakfast, ate well, mood bright. Walked to the lounge with the frame and one carer. " * 3
_WITH = {"plain": ["auditlog"], "pghistory": ["pgtrigger", "pghistory"]}


def _columns(models: Any) -> type:
    from django.utils import timezone

    class Note(models.Model):  # type: ignore[name-defined]
        id = models.UUIDField(primary_key=True, default=uuid4)
        organisation_id = models.UUIDField(default=uuid4)
        care_home_id = models.UUIDField(default=uuid4)
        resident_id = models.UUIDField(db_index=True)
        kind = models.CharField(max_length=16, default="general")
        body = models.TextField()
        for_handover = models.BooleanField(default=False)
        occurred_at = models.DateTimeField(default=timezone.now)
        written_by = models.CharField(max_length=100)

        class Meta:
            abstract = True

    return Note


# --- the other process -----------------------------------------------------------------------------------------------
def serve(kind: str) -> None:
    """Read "NAME ACTS" lines, do that many writes of that sort, answer with the seconds they took."""
    import django
    from django.conf import settings

    settings.configure(
        USE_TZ=True,
        SECRET_KEY="none",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", *_WITH[kind]],
        DATABASES={"default": json.loads(os.environ["BENCH_DATABASE"])},
    )
    django.setup()
    writers = _plain_writers() if kind == "plain" else _pghistory_writers()
    print("ready", flush=True)
    for line in sys.stdin:
        name, acts = line.split()
        started = time.perf_counter()
        for _ in range(int(acts)):
            writers[name]()
        print(time.perf_counter() - started, flush=True)


def _writer(model: Any) -> Callable[[], None]:
    from django.db import transaction

    def write() -> None:
        with transaction.atomic():
            model.objects.create(resident_id=uuid4(), body=BODY, written_by="staff:somebody")

    return write


def _make(*tables: Any) -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0, interactive=False)
    with connection.schema_editor() as editor:
        for model in tables:
            editor.create_model(model)


def _plain_writers() -> dict[str, Callable[[], None]]:
    from auditlog.registry import auditlog
    from django.db import models

    columns = _columns(models)

    class Unaudited(columns):  # type: ignore[valid-type, misc]
        class Meta:
            app_label = "bench"

    class Shipped(columns):  # type: ignore[valid-type, misc]
        class Meta:
            app_label = "bench"

    auditlog.register(Shipped)
    _make(Unaudited, Shipped)
    return {"unaudited": _writer(Unaudited), "shipped": _writer(Shipped)}


def _pghistory_writers() -> dict[str, Callable[[], None]]:
    import pghistory
    import pgtrigger
    from django.apps import apps
    from django.db import models

    columns = _columns(models)

    @pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
    class Tracked(columns):  # type: ignore[valid-type, misc]
        class Meta:
            app_label = "pghistory"

    _make(Tracked, apps.get_model("pghistory", "TrackedEvent"))
    pgtrigger.install()
    return {"pghistory": _writer(Tracked)}


# --- this process ----------------------------------------------------------------------------------------------------
@contextmanager
def another(kind: str, python: str, folder: Path) -> Iterator[Callable[[str, int], float]]:
    """A process that writes on demand, in a database of its own; gives seconds for one act."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    from carehome.embedded.postgres import Cluster

    admin = Cluster(folder / "postgres").conninfo()
    name = f"bench_{kind}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    given = conninfo_to_dict(admin)
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": name, "CONN_MAX_AGE": None}
    database |= {"USER": given["user"], "PASSWORD": given["password"], "HOST": given["host"]}
    environment = os.environ | {"BENCH_DATABASE": json.dumps(database)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    process = subprocess.Popen(
        [python, __file__, "--serve", kind], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    sent, got = process.stdin, process.stdout
    if got.readline() != "ready\n":
        raise SystemExit(f"The process for {kind} did not start.")

    def write(what: str, acts: int) -> float:
        sent.write(f"{what} {acts}\n")
        sent.flush()
        return float(got.readline()) / acts

    try:
        yield write
    finally:
        sent.close()
        process.wait(timeout=30)


def _sealed_writer(stack: ExitStack) -> Callable[[], None]:
    """Our own: behind the wall, watched by auditlog, each row's change a sealed entry, and no commit without one."""
    from uuid import UUID

    from django.db import connections, models, transaction

    from access.services import create_organisation
    from access.tenancy import acting_for
    from audit.context import Origin, acting
    from audit.reading import Watched, collecting
    from audit.registration import watch
    from audit.sql import require_entry
    from bench.ledgers import resident_key

    columns = _columns(models)

    class Sealed(columns, Watched):  # type: ignore[valid-type, misc]
        ref_kind = "bench_note"

        class Meta:
            app_label, db_table = "records", "bench_note"

        @property
        def ref(self) -> str:
            return f"{self.ref_kind}:{self.pk}"

        @property
        def watched_resident_id(self) -> UUID:
            return resident_id

    watch(Sealed)
    with connections["owner"].schema_editor() as editor:
        editor.create_model(Sealed)
    wall = "organisation_id = NULLIF(current_setting('app.organisation', true), '')::uuid"
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "ALTER TABLE bench_note ENABLE ROW LEVEL SECURITY; ALTER TABLE bench_note FORCE ROW LEVEL SECURITY;"
            f"CREATE POLICY wall ON bench_note USING ({wall}) WITH CHECK ({wall});"
            "GRANT SELECT, INSERT ON bench_note TO carehome_app;" + require_entry("bench_note", "bench_note")
        )
    organisation = create_organisation(actor_ref="system:bench", name="Bench", code="bench")
    stack.enter_context(acting_for(organisation.pk))
    stack.enter_context(acting(Origin(organisation.pk, "system:bench")))
    stack.enter_context(collecting("benchmark"))
    resident_id = uuid4()
    resident_key(organisation.pk, resident_id)

    def write() -> None:
        with transaction.atomic():
            Sealed.objects.create(
                organisation_id=organisation.pk, resident_id=uuid4(), body=BODY, written_by="staff:somebody"
            )

    return write


def main() -> None:
    from bench import harness

    options = harness.options(__doc__)
    acts = options.acts
    with harness.installation() as folder, ExitStack() as stack:
        plain = stack.enter_context(another("plain", sys.executable, folder))
        sealed = _sealed_writer(stack)

        def ours() -> float:
            started = time.perf_counter()
            for _ in range(acts):
                sealed()
            return (time.perf_counter() - started) / acts

        turns: dict[str, Callable[[], float]] = {
            "django-auditlog as shipped": lambda: plain("shipped", acts),
            "ours: auditlog's change, sealed": ours,
            "unaudited": lambda: plain("unaudited", acts),
        }
        python = os.environ.get("CAREHOME_BENCH_PGHISTORY")
        if python:
            tracked = stack.enter_context(another("pghistory", python, folder))
            turns["django-pghistory as it comes"] = lambda: tracked("pghistory", acts)
        for turn in turns.values():
            turn()
        results = harness.measure_turns(turns, rounds=max(7, options.rounds))
    harness.report("a write through the ORM", results, as_json=options.json)
    unaudited = next(result for result in results if result.name == "unaudited")
    for result in results:
        print(f"{result.name}: {result.ratio / unaudited.ratio:.2f} of unaudited", file=sys.stderr)
    if not python:
        print("django-pghistory was not measured: CAREHOME_BENCH_PGHISTORY names no Python.", file=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        main()
