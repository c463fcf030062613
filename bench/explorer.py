"""The ledger's explorer over five million entries of one organisation, for every filter combination that it offers.

The entries are made in SQL past the sealing triggers (sealing five million would take most of an hour and is measured
elsewhere), spread like two years of three homes: 40 people, 120 residents, 12 tablets, busy hours and quiet nights,
seven in ten of them views. What is measured is the whole page through the application: doors, policy, search, names,
template. There is no baseline, so no ratio: the goal is absolute, 300 ms.
"""

import argparse
import itertools
import json
import logging
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from bench import harness
from carehome.embedded.postgres import Cluster

GOAL = 300  # milliseconds
DAYS = 730
STAFF, RESIDENTS, HOMES, DEVICES = 40, 120, 3, 12
PASSWORD = "benchmark password"

# (action, kind, in a thousand, names a resident)
_MIX = (
    ("records.resident.viewed", "view", 640, True),
    ("records.daily_note.written", "change", 160, True),
    ("access.session.locked", "act", 60, False),
    ("access.session.unlocked", "act", 60, False),
    ("access.session.signed_in", "act", 30, False),
    ("access.session.signed_out", "act", 14, False),
    ("records.resident_list.viewed", "view", 10, True),
    ("records.resident.changed", "change", 8, True),
    ("access.session.unlock_failed", "act", 6, False),
    ("records.daily_note.corrected", "change", 4, True),
    ("access.session.sign_in_failed", "act", 3, False),
    ("access.permission.refused", "refusal", 3, False),
    ("backups.backup.made", "act", 1, False),
    ("compliance.pack.downloaded", "act", 1, False),
)
# How busy each half hour of a day is: rounds in the morning, at noon and in the evening, two checks at night.
_BUSY = [2, 1, 1, 1, 3, 1, 1, 1, 2, 1, 2, 4, 8, 12, 20, 24, 26, 24, 20, 16, 14, 12, 14, 18,
    22, 20, 16, 12, 10, 10, 12, 14, 16, 20, 24, 24, 22, 18, 14, 12, 10, 8, 10, 8, 6, 4, 3, 2
]  # fmt: skip

_FILL = """
INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, device, care_home_id, residents,
    count, commitment, salt, detail)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(h, 1, 3) || '8'
            || substr(h, 4, 15))::uuid,
    %(organisation)s, at, mix.kind,
    CASE WHEN mix.action LIKE 'backups%%' THEN 'system:backups' ELSE staff.ref END, mix.action,
    CASE WHEN mix.named THEN 'resident:' || resident ELSE 'organisation:' || %(organisation)s::text END,
    CASE WHEN r3 %% 5 = 0 THEN NULL ELSE devices[1 + home * 4 + r3 %% 4] END,
    CASE WHEN mix.named THEN homes[1 + home] END,
    CASE WHEN mix.action = 'records.resident_list.viewed' THEN residents[1 + home * 40 : 30 + home * 40]
        WHEN mix.named THEN ARRAY[resident] ELSE '{}' END,
    CASE WHEN mix.kind = 'view' THEN 1 + r4 %% 3 ELSE 1 END,
    sha256(h::bytea), decode(repeat(h, 2), 'hex'), decode(repeat(h, 6), 'hex')
FROM (
    SELECT i, h, r3, r4, r2 %% 3 AS home, action_of[1 + r1 %% 1000] AS place,
        (%(first)s::date + (i / %(daily)s::int))::timestamp AT TIME ZONE 'UTC'
            + make_interval(mins => slots[1 + r2 %% cardinality(slots)] * 30,
                secs => r4 %% 1800 + (i %% 997) / 1000.0) AS at,
        staff_of[1 + (r2 %% 3) * 13 + r4 %% 13] AS actor_ref, devices, homes, residents,
        residents[1 + (r2 %% 3) * 40 + r3 %% 40] AS resident
    FROM (SELECT i, h, ('x0' || substr(h, 1, 7))::bit(32)::int AS r1, ('x0' || substr(h, 8, 7))::bit(32)::int AS r2,
            ('x0' || substr(h, 15, 7))::bit(32)::int AS r3, ('x0' || substr(h, 22, 7))::bit(32)::int AS r4
          FROM (SELECT i, md5(i::text) AS h
                FROM generate_series(%(from)s::int, %(until)s::int) AS i) AS hashed) AS drawn,
        (SELECT %(action_of)s::int[] AS action_of, %(slots)s::int[] AS slots, %(staff)s::text[] AS staff_of,
            %(devices)s::text[] AS devices, %(homes)s::uuid[] AS homes, %(residents)s::uuid[] AS residents) AS given
) AS spread
CROSS JOIN LATERAL (SELECT actor_ref AS ref) AS staff
JOIN (SELECT * FROM unnest(%(actions)s::text[], %(kinds)s::text[], %(named)s::bool[])
    WITH ORDINALITY AS m(action, kind, named, place)) AS mix USING (place)
"""
_MENTIONS = """
INSERT INTO audit_mention (organisation_id, resident_id, at, event_id)
SELECT organisation_id, resident, at, id FROM audit_event, unnest(residents) AS resident
WHERE organisation_id = %(organisation)s AND at >= %(since)s AND at < %(until)s
"""
_SEALS = """
INSERT INTO audit_seal (organisation_id, seq, event_id, at, leaf, digest, version, sealed_at)
SELECT organisation_id, %(before)s + row_number() OVER (ORDER BY at, id), id, at, commitment, commitment, 2, at
FROM audit_event WHERE organisation_id = %(organisation)s AND at >= %(since)s AND at < %(until)s
"""


class House:
    """The organisation whose ledger is filled: made by the application's own services, so that names resolve."""

    def __init__(self, stack: ExitStack) -> None:
        from access.actors import Actor
        from access.roles import Role
        from access.services import add_care_home, add_staff, create_organisation, enrol_device, give_role
        from access.tenancy import acting_for
        from audit.context import Origin, acting
        from audit.reading import collecting
        from records.services import admit_resident

        self.organisation = create_organisation(actor_ref="system:bench", name="Bench", code="bench")
        stack.enter_context(acting_for(self.organisation.pk))
        stack.enter_context(acting(Origin(self.organisation.pk, "system:bench")))
        stack.enter_context(collecting("benchmark"))
        system = Actor.system(self.organisation.pk, "bench")
        self.homes = [add_care_home(actor=system, name=f"Home {n}", code=f"home-{n}") for n in range(HOMES)]
        self.staff = []
        for n in range(STAFF):
            person = add_staff(
                actor=system, email=f"{n}@b.example", first_name=f"Jo{n}", last_name="Mensah", password=PASSWORD
            )
            give_role(actor=system, staff=person, care_home=self.homes[n // 13 % HOMES], role=Role.CARER)
            self.staff.append(person)
        self.manager = add_staff(
            actor=system, email="m@b.example", first_name="Sam", last_name="Okafor", password=PASSWORD
        )
        self.administrator = add_staff(
            actor=system, email="a@b.example", first_name="Ada", last_name="Lees", password=PASSWORD
        )
        give_role(actor=system, staff=self.manager, care_home=self.homes[0], role=Role.REGISTERED_MANAGER)
        for home in self.homes:
            give_role(actor=system, staff=self.administrator, care_home=home, role=Role.ADMINISTRATOR)
        for home in self.homes:
            give_role(actor=system, staff=self.staff[0], care_home=home, role=Role.REGISTERED_MANAGER)
        self.residents = [
            admit_resident(
                actor=Actor.of(self.staff[0]), care_home=self.homes[n // 40], first_name="Ada", last_name=f"Brown{n}",
                born_on=date(1938, 3, 14), gender="female", room=str(n),
            )
            for n in range(RESIDENTS)
        ]  # fmt: skip
        administrator = Actor.of(self.administrator)
        self.devices = [
            enrol_device(actor=administrator, name=f"Tablet {n}", care_home=self.homes[n // 4])[0]
            for n in range(DEVICES)
        ]


def fill(house: House, entries: int, admin: Any) -> None:
    """The ledger's rows, a month at a time; admin: a superuser's connection, whose session skips the triggers."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = (today - timedelta(days=DAYS)).date()
    daily = max(1, entries // DAYS)
    action_of = [place for place, row in enumerate(_MIX, start=1) for _ in range(row[2])]
    values = {
        "organisation": house.organisation.pk,
        "first": first,
        "daily": daily,
        "action_of": action_of,
        "slots": [slot for slot, weight in enumerate(_BUSY) for _ in range(weight)],
        "staff": [person.ref for person in house.staff],
        "devices": [device.ref for device in house.devices],
        "homes": [home.pk for home in house.homes],
        "residents": [resident.pk for resident in house.residents],
        "actions": [row[0] for row in _MIX],
        "kinds": [row[1] for row in _MIX],
        "named": [row[3] for row in _MIX],
    }
    admin.execute("SET session_replication_role = replica")
    _partitions(admin, first)
    for begin in range(0, DAYS, 30):
        until = min(begin + 30, DAYS)
        admin.execute(_FILL, values | {"from": begin * daily, "until": until * daily - 1})
        harness.tell(f"filled {until * daily:,}")
    before = admin.execute(
        "SELECT coalesce(max(seq), 0) FROM audit_seal WHERE organisation_id = %s", [house.organisation.pk]
    ).fetchone()[0]
    month = datetime(first.year, first.month, 1, tzinfo=UTC)
    while month <= today:
        following = (month + timedelta(days=32)).replace(day=1)
        span = {"organisation": house.organisation.pk, "since": month, "until": following, "before": before}
        admin.execute("DELETE FROM audit_seal WHERE organisation_id = %(organisation)s AND at >= %(since)s"
                      " AND at < %(until)s", span)  # fmt: skip
        before += admin.execute(_SEALS, span).rowcount
        admin.execute(_MENTIONS + " ON CONFLICT DO NOTHING", span)
        month = following
    admin.execute("VACUUM ANALYZE")


def _partitions(admin: Any, first: date) -> None:
    """The months before the first migration's: entries of a running installation never lie in the default partition."""
    month = first.replace(day=1)
    while month < date(2026, 1, 1):
        following = (month + timedelta(days=32)).replace(day=1)
        for parent in ("audit_event", "audit_seal", "audit_mention"):
            admin.execute(
                f"CREATE TABLE IF NOT EXISTS {parent}_{month:%Y_%m} PARTITION OF {parent}"
                f" FOR VALUES FROM ('{month} 00:00+00') TO ('{following} 00:00+00')"
            )
        month = following


class Measured:
    """Milliseconds of one question over the rounds: by the clock, and of processor time on both sides.

    Where others use the machine the clock tells of them too; the processor time of this process and of its database
    session is what the question itself costs, and what it takes on a machine that is free.
    """

    def __init__(self, name: str, ask: Callable[[], object]) -> None:
        self.name, self.ask = name, ask
        self.took: list[float] = []
        self.busy: list[float] = []

    def turn(self) -> None:
        busy, started = _busy(), time.perf_counter()
        self.ask()
        self.took.append((time.perf_counter() - started) * 1000)
        self.busy.append((_busy() - busy) * 1000)

    @property
    def p50(self) -> float:
        return statistics.median(self.took)

    @property
    def p95(self) -> float:
        return sorted(self.took)[min(len(self.took) - 1, int(len(self.took) * 0.95))]

    @property
    def worked(self) -> float:
        return statistics.median(self.busy)


def _busy() -> float:
    """Seconds of processor time that this process and its database session have used."""
    from django.db import connection

    connection.ensure_connection()
    scheduled = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text().split()[0]
    return time.process_time() + int(scheduled) / 1e9


def questions(house: House) -> list[Measured]:
    """Whole pages, as the administrator (all homes) and as the manager of one home."""
    from tests.doors import client_of

    resident, person, quiet = house.residents[5].pk, house.staff[3].pk, house.devices[2].pk
    home, far = house.homes[0].pk, house.devices[9].pk  # a tablet of another home
    ledger = "/data-security/ledger/"
    pages = {
        "newest": ledger,
        "today": f"{ledger}?period=today",
        "a resident, 30 days": f"{ledger}?resident={resident}",
        "a resident, all time": f"{ledger}?resident={resident}&period=all",
        "a resident, what was written, all time": f"{ledger}?resident={resident}&did=wrote&period=all",
        "a person, all time": f"{ledger}?person={person}&period=all",
        "a person with a resident, all time": f"{ledger}?person={person}&resident={resident}&period=all",
        "the system, all time": f"{ledger}?person=system&period=all",
        "a home and a tablet": f"{ledger}?home={home}&device={quiet}",
        "exports, all time (seldom)": f"{ledger}?did=took&period=all",
        "refusals and failed sign-ins, all time": f"{ledger}?did=refused&period=all",
        "views in one hour of the week, all time": f"{ledger}?kind=view&hour=3&weekday=7&period=all",
        "nothing fits: a tablet never in that home": f"{ledger}?home={home}&device={far}&kind=refusal&period=all",
        "nothing fits: no such act on a resident": f"{ledger}?resident={resident}&did=signed&period=all",
        "entry by its number": f"{ledger}?number=2500000",
        "two days, a year ago": f"{ledger}?since={_ago(366)}&until={_ago(365)}",
        "timeline of a resident": f"{ledger}timeline/?resident={resident}",
        "by hour, 5 weeks": f"{ledger}hours/?period=all",
        "by hour, 5 weeks, views on a tablet": f"{ledger}hours/?kind=view&device={quiet}&period=all",
        "by hour, a person, 13 weeks": f"{ledger}hours/?person={person}&period=all",
        "by hour, a resident, 13 weeks": f"{ledger}hours/?resident={resident}&period=all",
    }
    found = []
    for reader, staff in (("all homes", house.administrator), ("one home", house.manager)):
        client = client_of(staff)
        for name, url in pages.items():
            found.append(Measured(f"{name} ({reader})", lambda client=client, url=url: _get(client, url)))
    return found


def _ago(days: int) -> date:
    return (datetime.now(UTC) - timedelta(days=days)).date()


def _get(client: Any, url: str) -> None:
    response = client.get(url)
    if response.status_code != 200:
        raise RuntimeError(f"{url} answered {response.status_code}")


def every_combination(house: House) -> dict[str, float]:
    """Each combination of a choice of every filter, once: the search alone, without the page around it."""
    from django.utils import timezone

    from access.actors import Actor
    from compliance.ledger.filters import Filters
    from compliance.ledger.queries import Search, scope_of

    choices = {
        "resident": [None, house.residents[5].pk],
        "person": ["", str(house.staff[3].pk), "system"],
        "home": [None, house.homes[0].pk],
        "did": ["", "opened", "wrote", "signed", "refused", "took", "people"],
        "kind": ["", "view", "refusal"],
        "device": [None, house.devices[2].pk],
        "period": ["30", "all"],
    }
    took, unfinished = [], 0
    for staff in (house.administrator, house.manager):
        scope = scope_of(Actor.of(staff))
        for chosen in itertools.product(*choices.values()):
            started = time.perf_counter()
            page = Search(scope, Filters(**dict(zip(choices, chosen, strict=True))), now=timezone.now()).page()
            took.append((time.perf_counter() - started) * 1000)
            unfinished += page.looked_back_to is not None
    took.sort()
    return {
        "combinations": len(took), "p50": took[len(took) // 2], "p95": took[int(len(took) * 0.95)],
        "p99": took[int(len(took) * 0.99)], "slowest": took[-1], "over_goal": sum(each > GOAL for each in took),
        "asked_for_another_step": unfinished,
    }  # fmt: skip


def price_of_the_index(house: House, admin: Any, rounds: int) -> dict[str, float]:
    """What the index on seldom actions costs a sealed entry: with it by without it, for what is often and seldom."""
    from django.db import transaction

    import audit.services
    from audit import sql_finding

    def batch(action: str) -> float:
        started = time.perf_counter()
        with transaction.atomic():
            for _ in range(300):
                audit.services.append(
                    organisation_id=house.organisation.pk, actor=house.staff[0].ref, action=action, subject="x:y"
                )
        return time.perf_counter() - started

    ratios: dict[str, list[float]] = {"records.resident.viewed": [], "access.role.given": []}
    for _ in range(rounds):
        bare = {action: batch(action) for action in ratios} if _drop(admin) else {}
        admin.execute(sql_finding.SELDOM)
        for action, seen in ratios.items():
            seen.append(batch(action) / bare[action])
    return {action: statistics.median(seen) for action, seen in ratios.items()}


def _drop(admin: Any) -> bool:
    admin.execute("DROP INDEX IF EXISTS audit_event_seldom")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds over all questions (9)")
    parser.add_argument("--acts", type=int, default=1, help="not used here")
    parser.add_argument("--entries", type=int, default=5_000_000, help="entries in the ledger (5,000,000)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--short", action="store_true", help="a tenth of the entries")
    options = parser.parse_args()
    if options.short:
        options.entries //= 10
    with harness.installation() as folder, ExitStack() as stack:
        logging.disable(logging.WARNING)
        _collect_static()
        house = House(stack)
        admin = stack.enter_context(psycopg.connect(Cluster(folder / "postgres").conninfo("carehome"), autocommit=True))
        fill(house, options.entries, admin)
        admin.execute("SET session_replication_role = DEFAULT")
        asked = questions(house)
        for each in asked:
            each.ask()  # into memory, as in an installation that runs
        for turn in range(options.rounds):
            harness.tell(f"round {turn + 1} of {options.rounds}")
            for each in asked:
                each.turn()
        combinations = every_combination(house)
        price = price_of_the_index(house, admin, max(7, options.rounds))
    _report(options, asked, combinations, price)


def _collect_static() -> None:
    from django.conf import settings
    from django.core.management import call_command

    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("collectstatic", interactive=False, verbosity=0)


def _report(options: Any, asked: list[Measured], combinations: dict[str, float], price: dict[str, float]) -> None:
    if options.json:
        results = [{"name": each.name, "p50": each.p50, "p95": each.p95, "busy": each.worked} for each in asked]
        whole = {"benchmark": "explorer", "entries": options.entries, "goal_ms": GOAL, "results": results}
        print(json.dumps(whole | {"combinations": combinations, "index_price": price}))
        return
    width = max(len(each.name) for each in asked)
    print(f"\npages of the explorer over {options.entries:,} entries, goal {GOAL} ms")
    print(f"{'':<{width}}      p50       p95   processors")
    for each in asked:
        over = "  OVER" if each.p95 > GOAL else ""
        print(f"{each.name:<{width}}  {each.p50:>4.0f} ms  {each.p95:>5.0f} ms  {each.worked:>6.0f} ms{over}")
    print("\nevery combination of filters, the search alone, ms")
    print("  ".join(f"{name} {value:,.0f}" for name, value in combinations.items()))
    print("\na sealed entry with the index on seldom actions, by without")
    print("  ".join(f"{action} {ratio:.2f} x" for action, ratio in price.items()))


if __name__ == "__main__":
    main()
