"""Zero false alarms: many writers, killed and rolled back, while the ledger is verified, signed and closed.

`python -m bench soak --writers 16 --entries 10000` runs until every writer has its entries in the ledger. Beside them
run a verifier (incremental and full by turns), a checkpoint signer and a closer of views; now and then a process gets
SIGKILL, or a database session is ended. No verification may ever find anything, no commit that was acknowledged may be
missing, the numbers have no gap, and there are no deadlocks.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import psycopg

from bench import harness

PROCESSES = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Place:
    """Where the soak happens. admin: conninfo of the database's superuser; residents: whose notes are written."""

    organisation: UUID
    admin: str
    staff: UUID
    residents: list[UUID]


@dataclass
class Figures:
    writers: int
    entries: int = 0  # in the ledger at the end, views too
    seconds: float = 0.0
    acknowledged: int = 0
    rolled_back: int = 0
    savepoints_rolled_back: int = 0
    killed: int = 0
    sessions_ended: int = 0
    deadlocks: int = 0
    checkpoints: int = 0
    verifications: int = 0
    alarms: int = 0
    lost: int = 0
    gaps: int = 0
    first_alarm: str = ""

    @property
    def rate(self) -> float:
        return self.entries / self.seconds if self.seconds else 0.0


class _Counts:
    """What processes tell each other; survives the death of any of them."""

    def __init__(self, writers: int) -> None:
        self.acknowledged = PROCESSES.Array("q", writers, lock=False)
        self.rolled_back = PROCESSES.Array("q", writers, lock=False)
        self.savepoints = PROCESSES.Array("q", writers, lock=False)
        self.verifications = PROCESSES.Value("q", 0, lock=False)
        self.alarms = PROCESSES.Value("q", 0, lock=False)
        self.said = PROCESSES.Array("c", 300, lock=False)
        self.stop = PROCESSES.Value("b", 0, lock=False)


def soak(place: Place, *, writers: int, entries: int, kills: int, seed: int = 1) -> Figures:
    """Write writers × entries, killing `kills` times on the way; the calling process must have no open connection."""
    draw, counts, figures = random.Random(seed), _Counts(writers), Figures(writers)
    works: dict[str, Callable[[], None]] = {
        f"writer {n}": lambda n=n: _write(place, n, entries, counts, random.random()) for n in range(writers)
    }
    helpers: dict[str, Callable[[], None]] = {
        "verifier": lambda: _verify(place, counts),
        "signer": lambda: _sign(place, counts),
        "closer": lambda: _close_views(place, counts),
    }
    running = {name: _start(place, work) for name, work in (works | helpers).items()}
    started, next_kill = time.monotonic(), time.monotonic() + 0.2
    done: set[str] = set()
    with psycopg.connect(place.admin, autocommit=True) as admin:
        deadlocks = _deadlocks(admin)
        while len(done) < writers:
            time.sleep(0.05)
            for name, process in list(running.items()):
                if process.is_alive():
                    continue
                if process.exitcode == 0 and name in works:
                    done.add(name)
                    del running[name]
                else:  # killed: another takes over where it stopped
                    running[name] = _start(place, (works | helpers)[name])
            if figures.killed + figures.sessions_ended < kills and time.monotonic() >= next_kill:
                _kill(draw, running, admin, figures)
                next_kill = time.monotonic() + draw.uniform(0.02, 0.3)
            _tell(place, counts, writers * entries)
        figures.seconds = time.monotonic() - started
        counts.stop.value = 1
        for process in running.values():
            process.join(120)
        figures.deadlocks = _deadlocks(admin) - deadlocks
        _conclude(place, counts, figures, admin)
    return figures


def _start(place: Place, work: Callable[[], None]) -> Any:
    def run() -> None:
        from access import keys
        from access.tenancy import acting_for
        from audit.context import Origin, acting
        from audit.reading import collecting

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        keys.forget()
        with ExitStack() as stack:
            stack.enter_context(acting_for(place.organisation))
            stack.enter_context(acting(Origin(place.organisation, "system:soak")))
            stack.enter_context(collecting("soak"))
            work()

    process = PROCESSES.Process(target=run, daemon=True)
    process.start()
    return process


def _kill(draw: random.Random, running: dict[str, Any], admin: Any, figures: Figures) -> None:
    if draw.random() < 0.5:
        name = draw.choice(sorted(running))
        os.kill(running[name].pid, signal.SIGKILL)
        figures.killed += 1
        return
    sessions = admin.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = 'carehome_app' ORDER BY pid"
    ).fetchall()
    if sessions:
        admin.execute("SELECT pg_terminate_backend(%s)", draw.choice(sessions))
        figures.sessions_ended += 1


def _deadlocks(admin: Any) -> int:
    admin.execute("SELECT pg_stat_clear_snapshot()")
    row = admin.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    return int(row[0])


def _write(place: Place, number: int, entries: int, counts: _Counts, seed: float) -> None:
    """One writer: acts alone and in pairs, notes through their service, views, rollbacks whole and to a savepoint."""
    from django.db import DatabaseError, connection, transaction

    from access.actors import Actor
    from access.models import Staff
    from audit import services
    from audit.errors import LedgerUnavailable
    from audit.models import Event
    from records.models import Resident

    draw, actor = random.Random(seed), f"staff:writer-{number}"

    def append(subject: str = "test:a") -> None:
        services.append(
            organisation_id=place.organisation, actor=actor, action="test.act.done", subject=subject,
            residents=[draw.choice(place.residents)] if draw.random() < 0.5 else [], detail={"n": number},
        )  # fmt: skip

    def written() -> int:
        return Event.objects.filter(organisation_id=place.organisation, actor=actor, kind="act").count()

    have: int | None = None
    while have is None or have < entries:
        try:
            if have is None:
                have = written()
                author = Actor.of(Staff.objects.get(pk=place.staff))
                residents = list(Resident.objects.filter(pk__in=place.residents))
            have += _act(place, draw, append, counts, number, author, residents)
        except (DatabaseError, LedgerUnavailable, transaction.TransactionManagementError):
            connection.close()  # the session was ended under it: look what was committed, and go on
            have = None
    connection.close()


def _act(
    place: Place, draw: random.Random, append: Any, counts: _Counts, number: int, author: Any, residents: list[Any]
) -> int:
    """One act of a writer; how many entries of its own are committed."""
    from django.db import transaction
    from django.utils import timezone

    from audit import services
    from records.services import write_daily_note

    chance = draw.random()
    if chance < 0.10:  # all of it rolled back
        with transaction.atomic():
            append()
            append()
            transaction.set_rollback(True)
        counts.rolled_back[number] += 1
        return 0
    if chance < 0.20:  # half of it
        with transaction.atomic():
            append()
            with transaction.atomic():
                append()
                transaction.set_rollback(True)
            append()
        counts.savepoints[number] += 1
        counts.acknowledged[number] += 2
        return 2
    if chance < 0.35:  # the same subjects as others, in the opposite order
        subjects = ["test:a", "test:b", "test:c"]
        draw.shuffle(subjects)
        with transaction.atomic():
            for subject in subjects:
                append(subject)
        counts.acknowledged[number] += 3
        return 3
    if chance < 0.40:  # two residents' notes in one transaction, in either order
        with transaction.atomic():
            for resident in draw.sample(residents, 2):
                write_daily_note(actor=author, resident=resident, body="A note", occurred_at=timezone.now())
        return 0
    if chance < 0.55:
        services.note_view(
            organisation_id=place.organisation, actor=f"staff:writer-{number}", action="records.resident.viewed",
            subject="test:a", page=f"page:{draw.randrange(3)}", residents=[draw.choice(place.residents)],
        )  # fmt: skip
        return 0
    append()
    counts.acknowledged[number] += 1
    return 1


def _again(counts: _Counts, pause: float, work: Callable[[], None]) -> None:
    """Until told to stop; a session ended under it is what this program does."""
    from django.db import DatabaseError, connection

    from audit.errors import LedgerUnavailable

    while not counts.stop.value:
        try:
            work()
        except (DatabaseError, LedgerUnavailable):
            connection.close()
        time.sleep(pause)
    connection.close()


def _verify(place: Place, counts: _Counts) -> None:
    from audit import services

    def work() -> None:
        full = counts.verifications.value % 4 == 3
        run = services.verify_ledger(
            organisation_id=place.organisation, actor="system:soak", mode="full" if full else "incremental"
        )
        counts.verifications.value += 1
        if not run.ok:
            counts.alarms.value += 1
            if not counts.said.value:
                counts.said.value = f"{run.mode}: {run.break_kind} at {run.first_bad_seq}".encode()[:299]

    _again(counts, 0.05, work)


def _sign(place: Place, counts: _Counts) -> None:
    from audit import services

    def work() -> None:
        services.sign_checkpoint(place.organisation)

    _again(counts, 0.2, work)


def _close_views(place: Place, counts: _Counts) -> None:
    from audit import services

    def work() -> None:
        services.close_views(place.organisation, everything=True)

    _again(counts, 0.1, work)


def _conclude(place: Place, counts: _Counts, figures: Figures, admin: Any) -> None:
    from django.db import connection

    from access.tenancy import acting_for
    from audit import services
    from audit.context import Origin, acting
    from audit.reading import collecting

    organisation = place.organisation
    with acting_for(organisation), acting(Origin(organisation, "system:soak")), collecting("soak"):
        services.close_views(organisation, everything=True)
        services.sign_checkpoint(organisation)
        last = services.verify_ledger(organisation_id=organisation, actor="system:soak", records=True)
    connection.close()
    seals, highest, head, events, checkpoints = admin.execute(
        "SELECT (SELECT count(*) FROM audit_seal WHERE organisation_id = h.organisation_id),"
        " (SELECT max(seq) FROM audit_seal WHERE organisation_id = h.organisation_id), h.seq,"
        " (SELECT count(*) FROM audit_event WHERE organisation_id = h.organisation_id),"
        " (SELECT count(*) FROM audit_checkpoint WHERE organisation_id = h.organisation_id)"
        " FROM audit_head h WHERE h.organisation_id = %s",
        [organisation],
    ).fetchone()
    figures.entries, figures.checkpoints = head, checkpoints
    figures.gaps = abs(seals - highest) + abs(highest - head) + abs(events - head)
    figures.verifications, figures.alarms = counts.verifications.value + 1, counts.alarms.value + (not last.ok)
    figures.first_alarm = counts.said.value.decode() or ("" if last.ok else f"the last: {last.break_kind}")
    figures.rolled_back, figures.savepoints_rolled_back = sum(counts.rolled_back), sum(counts.savepoints)
    figures.acknowledged = sum(counts.acknowledged)
    for number in range(figures.writers):
        found = admin.execute(
            "SELECT count(*) FROM audit_event WHERE organisation_id = %s AND actor = %s AND kind = 'act'",
            [organisation, f"staff:writer-{number}"],
        ).fetchone()[0]
        figures.lost += max(0, counts.acknowledged[number] - found)


def _tell(place: Place, counts: _Counts, wanted: int) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{sum(counts.acknowledged)} of {wanted}", end="", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=16, help="processes that write (16)")
    parser.add_argument("--entries", type=int, default=10_000, help="entries of each (10,000)")
    parser.add_argument("--kills", type=int, default=1_000, help="at most so many kills (1,000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options, _others = parser.parse_known_args()
    with harness.installation() as folder:
        place = _make_place(folder)
        figures = soak(place, writers=options.writers, entries=options.entries, kills=options.kills, seed=options.seed)
    if options.json:
        print(json.dumps(asdict(figures) | {"rate": figures.rate}))
    else:
        for name, value in (asdict(figures) | {"entries a second": round(figures.rate)}).items():
            print(f"{name.replace('_', ' '):<24}{value}")
    return 1 if figures.alarms or figures.lost or figures.gaps or figures.deadlocks else 0


def _make_place(folder: Any) -> Place:
    from datetime import date

    from django.db import connection

    from access.actors import Actor
    from access.roles import Role
    from access.services import add_care_home, add_staff, create_organisation, give_role
    from access.tenancy import acting_for
    from audit.context import Origin, acting
    from audit.reading import collecting
    from carehome.embedded import roles
    from carehome.embedded.postgres import Cluster
    from records.services import admit_resident

    organisation = create_organisation(actor_ref="system:soak", name="Soak", code="soak")
    origin = Origin(organisation.pk, "system:soak")
    with acting_for(organisation.pk), acting(origin), collecting("soak"):
        system = Actor.system(organisation.pk, "soak")
        home = add_care_home(actor=system, name="Soak", code="soak")
        staff = add_staff(actor=system, email="s@s.example", first_name="S", last_name="S", password="a long password")
        give_role(actor=system, staff=staff, care_home=home, role=Role.REGISTERED_MANAGER)
        residents = [
            admit_resident(
                actor=Actor.of(staff), care_home=home, first_name=f"A{n}", last_name="B", born_on=date(1938, 3, 14),
                gender="female",
            ).pk
            for n in range(8)
        ]  # fmt: skip
    connection.close()
    admin = Cluster(folder / "postgres").conninfo(roles.DATABASE)
    return Place(organisation.pk, admin, staff.pk, residents)


if __name__ == "__main__":
    sys.exit(main())
