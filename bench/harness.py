"""Fair comparison: a throw-away durable cluster, interleaved rounds, medians, and ratios paired by round.

Absolute times say more about the machine than about the code, so a benchmark states what it compares with, runs both in
the same rounds (in changing order, so that neither always comes first), and reports the ratio. The database flushes to
disk as in production; a benchmark with fsync off would flatter whoever writes most.
"""

import argparse
import gc
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from carehome.embedded import roles, secrets
from carehome.embedded.postgres import Cluster
from carehome.embedded.valkey import Broker


@dataclass(frozen=True)
class Case:
    """act: does the thing once, whole, including its commit."""

    name: str
    act: Callable[[], object]


@dataclass(frozen=True)
class Result:
    """Milliseconds for one act (median over rounds), and how many times the baseline's (median, lowest, highest)."""

    name: str
    milliseconds: float
    ratio: float
    lowest: float
    highest: float


def measure(cases: Sequence[Case], *, rounds: int = 15, acts: int = 20, warm_up: int = 10) -> list[Result]:
    """Run the cases in interleaved rounds; the first case is the baseline.

    rounds: how often each case has its turn; acts: how many acts make one turn. Progress goes to stderr.
    """
    for case in cases:
        for _ in range(warm_up):
            case.act()
    took: dict[str, list[float]] = {case.name: [] for case in cases}
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds):
            tell(f"round {turn + 1} of {rounds}")
            for case in _rotated(cases, turn):
                took[case.name].append(_turn(case, acts))
    finally:
        gc.enable()
        tell("")
    return [_result(name, times, took[cases[0].name]) for name, times in took.items()]


def _rotated(cases: Sequence[Any], turn: int) -> Sequence[Any]:
    start = turn % len(cases)
    return [*cases[start:], *cases[:start]]


def measure_turns(turns: Mapping[str, Callable[[], float]], *, rounds: int) -> list[Result]:
    """As `measure`, for what times itself: each turn gives its own seconds for one act; the first is the baseline."""
    took: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        for name in _rotated(list(turns), number):
            took[name].append(turns[name]())
    tell("")
    baseline = took[next(iter(turns))]
    return [_result(name, times, baseline) for name, times in took.items()]


def _turn(case: Case, acts: int) -> float:
    started = time.perf_counter()
    for _ in range(acts):
        case.act()
    return (time.perf_counter() - started) / acts


def _result(name: str, times: list[float], baseline: list[float]) -> Result:
    ratios = [own / other for own, other in zip(times, baseline, strict=True)]
    return Result(name, statistics.median(times) * 1000, statistics.median(ratios), min(ratios), max(ratios))


def report(title: str, results: Sequence[Result], *, as_json: bool) -> None:
    """Print a table, or one JSON object, to stdout."""
    if as_json:
        print(json.dumps({"benchmark": title, "results": [asdict(result) for result in results]}))
        return
    width = max(len(result.name) for result in results)
    print(f"\n{title}\n{'':<{width}}  {'median':>10}  {'ratio':>7}  {'range over rounds':>18}")
    for result in results:
        spread = f"{result.lowest:.2f}–{result.highest:.2f}"
        print(f"{result.name:<{width}}  {result.milliseconds:>7.2f} ms  {result.ratio:>5.2f} x  {spread:>18}")


@contextmanager
def installation() -> Iterator[Path]:
    """A fresh durable cluster, broker and keys in a temporary folder, named in the environment; Django is set up.

    Migrations have run as the owner; `default` is the application's role. Everything is removed afterwards.
    """
    folder = Path(tempfile.mkdtemp(prefix="carehome-bench-"))
    cluster, broker = Cluster(folder / "postgres"), Broker(folder / "valkey")
    try:
        tell("starting a throw-away cluster")
        _start(folder, cluster, broker)
        tell("migrating")
        _migrate()
        yield folder
    finally:
        broker.stop()
        cluster.stop()
        shutil.rmtree(folder)


def _start(folder: Path, cluster: Cluster, broker: Broker) -> None:
    secrets.write_keys(folder / "keys")
    cluster.start()
    broker.start()
    passwords = {role: secrets.kept_password(folder / "secrets" / role) for role in roles.WITH_PASSWORD}
    roles.ensure_roles(cluster.conninfo(), passwords)
    roles.create_database(cluster.conninfo())
    for name, role in (
        ("DATABASE_URL", roles.APP),
        ("DATABASE_OWNER_URL", roles.OWNER),
        ("DATABASE_BACKUP_URL", roles.BACKUP),
    ):
        os.environ[name] = cluster.url(roles.DATABASE, user=role, password=passwords[role])
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "carehome.settings",
        "REDIS_URL": broker.url,
        "CAREHOME_VAR": str(folder),
        "CAREHOME_KEY_DIR": str(folder / "keys"),
        "CAREHOME_INSECURE_HTTP": "1",
    }


def _migrate() -> None:
    import django
    from django.core.management import call_command  # not before the environment names the database

    django.setup()
    call_command("migrate", database="owner", verbosity=0, interactive=False)


def options(description: str | None) -> argparse.Namespace:
    """The command line every benchmark shares."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds (15)")
    parser.add_argument("--acts", type=int, default=20, help="acts in a round (20)")
    parser.add_argument("--short", action="store_true", help="fewer and smaller: to see that it runs, not to quote")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if options.short:
        options.rounds, options.acts = min(options.rounds, 7), min(options.acts, 5)
    return options


def tell(text: str) -> None:
    """Progress, to stderr."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)
