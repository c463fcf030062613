"""One foreground command that starts everything on one machine and stops it again: database, broker, web, worker, beat.

Decision: it imports no Django. The database and the keys must be there before the settings can be read, and a warm
start must not pay for loading the application once more than the web server and the worker do. Slow steps run as
`manage.py` commands in child processes, and are skipped when nothing they depend on has changed.

It restarts nothing: a service that dies is named with its last words, everything else is stopped, and the exit is 1.
"""

import argparse
import contextlib
import fcntl
import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psycopg

from carehome.embedded import roles, secrets, state
from carehome.embedded.children import Children
from carehome.embedded.errors import AlreadyRunning, CannotStart, EmbeddedError, MissingSetting
from carehome.embedded.postgres import Cluster
from carehome.embedded.processes import end, last_lines, private_directory, spawn
from carehome.embedded.terminal import Progress, progress, table
from carehome.embedded.valkey import Broker

ROOT = Path(__file__).resolve().parents[2]
_WORKER = (
    "--quiet -A carehome worker --queues alerts,default,heavy,backups --concurrency 2 --loglevel INFO"
    " --beat --scheduler carehome.scheduler.OneScheduler --hostname carehome@%h --without-mingle --without-gossip"
)
DEMO = {"full": "", "small": "--organisations 1 --homes 1 --residents 3 --days 3", "none": ""}
_ACCOUNT_COLUMNS = {
    "organisation": "Organisation",
    "email": "Email",
    "password": "Password",
    "pin": "PIN",
    "role": "Role",
    "homes": "Homes",
}
_LOG_LIMIT = 10 * 1024 * 1024  # bytes; a longer log is set aside at the next start


class Interrupted(BaseException):
    """Someone asked us to stop: Ctrl-C, SIGTERM, or the terminal went away."""


@dataclass
class Supervisor:
    """var: the data folder. port: of the web server, on the loopback address only. demo: one of DEMO."""

    var: Path
    port: int
    demo: str = "full"
    children: Children = field(default_factory=Children)
    cluster: Cluster | None = None
    broker: Broker | None = None
    stopping: bool = False
    hurried: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    def run(self) -> int:
        """Start, wait, stop; the exit code."""
        started = time.monotonic()
        private_directory(self.var)
        private_directory(self.var / "log")
        with only_one(self.var), self._signals():
            try:
                check_port(self.port)
                self.start()
                print(self._welcome(time.monotonic() - started), flush=True)
                self._watch()
            except Interrupted:
                pass
            finally:
                self._stop()
        return 0

    # --- starting ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Everything up to the moment the application answers. Raises EmbeddedError."""
        self.environment = os.environ | {
            "CAREHOME_VAR": str(self.var),
            "CAREHOME_INSECURE_HTTP": os.environ.get("CAREHOME_INSECURE_HTTP", "1"),
            "PYTHONUNBUFFERED": "1",
        }
        self._start_database()
        self._start_broker()
        self._write_runtime()
        kept = state.State(self.var / "state.json")
        self._migrate(kept)
        self._collect_static(kept)
        self._seed()
        self._start_application()

    def _start_database(self) -> None:
        if os.environ.get("DATABASE_URL"):
            self._use_given_database()
            return
        folder = self.var / "postgres"
        self.cluster = Cluster(folder, password_file=self.var / "secrets" / "postgres_admin", log=self._log("postgres"))
        first = not self.cluster.initialised
        self._keys(first)
        with progress("Making the database" if first else "Starting the database"):
            _start_over(self.cluster)
            self.children.watch("database", self.cluster.process, self.cluster.log)
            passwords = {role: secrets.kept_password(self.var / "secrets" / role) for role in roles.WITH_PASSWORD}
            roles.ensure_roles(self.cluster.conninfo(), passwords)
            roles.create_database(self.cluster.conninfo())
        for name, role in (
            ("DATABASE_URL", roles.APP),
            ("DATABASE_OWNER_URL", roles.OWNER),
            ("DATABASE_BACKUP_URL", roles.BACKUP),
        ):
            self.environment[name] = self.cluster.url(roles.DATABASE, user=role, password=passwords[role])

    def _use_given_database(self) -> None:
        missing = [name for name in ("DATABASE_OWNER_URL", "DATABASE_BACKUP_URL") if not os.environ.get(name)]
        if missing:
            raise MissingSetting(f"DATABASE_URL is set, so {' and '.join(missing)} must be set too (see README).")
        with progress("Reaching the database given by DATABASE_URL"):
            try:
                first = state.applied_migrations(os.environ["DATABASE_OWNER_URL"]) == 0
            except psycopg.Error as error:
                raise CannotStart(f"The database of DATABASE_OWNER_URL does not answer: {_first_line(error)}") from None
        self._keys(first)

    def _keys(self, first: bool) -> None:
        """Keys are made on the first run only; later a missing one stops the start."""
        folder = Path(os.environ.get("CAREHOME_KEY_DIR") or self.var / "keys")
        if first:
            secrets.write_keys(folder)
        secrets.check_keys(folder)
        self.environment["CAREHOME_KEY_DIR"] = str(folder)

    def _start_broker(self) -> None:
        if os.environ.get("REDIS_URL"):
            return
        self.broker = Broker(self.var / "valkey", log=self._log("valkey"))
        with progress("Starting the broker"):
            if self.broker.running():
                self.broker.stop()
            self.broker.start()
            self.children.watch("broker", self.broker.process, self.broker.log)
        self.environment["REDIS_URL"] = self.broker.url

    def _write_runtime(self) -> None:
        """So that any manage.py command started beside us finds the same services."""
        if os.environ.get("DATABASE_URL"):
            return
        names = ["DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_BACKUP_URL", "REDIS_URL"]
        names += ["CAREHOME_KEY_DIR", "CAREHOME_INSECURE_HTTP"]
        lines = [f"{name}={self.environment[name]}" for name in names]
        runtime = self.var / "runtime.env"
        runtime.unlink(missing_ok=True)
        secrets.write_private(runtime, "\n".join(["# Written by each start of manage.py up.", *lines, ""]).encode())

    def _migrate(self, kept: state.State) -> None:
        owner = self.environment["DATABASE_OWNER_URL"]
        files = state.migration_files(ROOT)

        def mark() -> str:
            return state.fingerprint(files, f"{owner} {state.applied_migrations(owner)}")

        if not kept.has("migrations", mark()):
            self._command("Migrating the database", "migrate", "--database", "owner", "--no-input")
            kept.keep("migrations", mark())

    def _collect_static(self, kept: state.State) -> None:
        mark = state.fingerprint(state.static_files(ROOT))
        if not kept.has("static", mark) or not (self.var / "static" / "staticfiles.json").exists():
            self._command("Collecting static files", "collectstatic", "--no-input")
            kept.keep("static", mark)

    def _seed(self) -> None:
        if self.demo != "none" and not state.has_organisation(self.environment["DATABASE_BACKUP_URL"]):
            self._command("Making the demo organisations", "seed_demo", *DEMO[self.demo].split())

    def _command(self, text: str, *arguments: str) -> None:
        """Run a manage.py command, showing how long it takes; its output goes to a log of this run alone."""
        log = self._log(arguments[0])
        log.unlink(missing_ok=True)
        argv = [sys.executable, str(ROOT / "manage.py"), *arguments]
        with progress(text) as line:
            process = spawn(argv, log=log, environment=self.environment, cwd=ROOT)
            try:
                while process.poll() is None:
                    line.tick()
                    time.sleep(0.05)
            finally:
                end(process, (signal.SIGTERM, 10))
            if process.returncode != 0:
                raise CannotStart(f"manage.py {arguments[0]} failed (exit {process.returncode}). {last_lines(log, 30)}")

    def _start_application(self) -> None:
        python = [sys.executable, "-m"]
        web = [*python, "gunicorn", "carehome.wsgi:application", "--bind", f"127.0.0.1:{self.port}"]
        worker = [*python, "celery", *_WORKER.split(), "--schedule", str(self.var / "celerybeat-schedule")]
        with progress("Starting web server, worker and scheduler") as line:
            self.children.start("web server", web, log=self._log("web"), environment=self.environment, patience=15)
            log = self._log("worker")
            said = log.stat().st_size if log.exists() else 0
            self.children.start("worker", worker, log=log, environment=self.environment, patience=30)
            self._await(line, "web server", lambda: self._probe()[0] == 200)
            self._await(line, "worker", lambda: _says_ready(log, said))

    def _await(self, line: Progress, name: str, ready: Callable[[], bool]) -> None:
        limit = time.monotonic() + 60
        while not ready():
            self.children.raise_if_dead()
            if time.monotonic() > limit:
                status, body = self._probe()
                reason = f"/readyz says: {body}" if status not in {0, 200} else last_lines(self.children.log(name))
                raise CannotStart(f"The {name} was not ready within 60 seconds. {reason}")
            line.tick()
            time.sleep(0.05)

    def _probe(self) -> tuple[int, str]:
        """What /readyz answers: status and body; 0 while nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            return response.status, response.read(2000).decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    # --- running and stopping ---------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while True:
            self.children.raise_if_dead()
            time.sleep(0.25)

    def _stop(self) -> None:
        """Stop what was started, the last first; the data stays."""
        self.stopping = True
        if self.cluster is None and self.broker is None and not len(self.children):
            return
        with progress("Stopping everything; the data stays"):
            self.children.stop(hurried=lambda: self.hurried)
            if self.broker is not None:
                self.broker.stop()
            if self.cluster is not None:
                self.cluster.stop()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def ask(number: int, frame: FrameType | None) -> None:
            if self.stopping:
                self.hurried = True
                return
            self.stopping = True
            raise Interrupted

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, ask) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    # --- words ------------------------------------------------------------------------------------------------------

    def _log(self, name: str) -> Path:
        path = self.var / "log" / f"{name}.log"
        if path.exists() and path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_suffix(".old.log"))
        return path

    def _welcome(self, seconds: float) -> str:
        lines = ["", f"carehome is ready after {seconds:.1f} s at http://127.0.0.1:{self.port}", ""]
        accounts = self.var / "demo_accounts.json"
        if accounts.exists():
            lines += ["Demo accounts:", table(read_accounts(accounts), _ACCOUNT_COLUMNS), ""]
        return "\n".join([*lines, f"Logs are in {self.var / 'log'}. Ctrl-C stops everything and keeps the data."])


def read_accounts(file: Path) -> list[dict[str, object]]:
    """The demo accounts as seed_demo wrote them: a list, or one under `accounts`."""
    found = json.loads(file.read_text())
    rows = found["accounts"] if isinstance(found, dict) else found
    return [{**row, "role": str(row.get("role", "")).replace("_", " ")} for row in rows]


@contextlib.contextmanager
def only_one(var: Path) -> Iterator[None]:
    """Hold the data folder's lock. Raises AlreadyRunning when another process does."""
    descriptor = os.open(var / "up.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"carehome is already running on the data in {var}.") from None
        yield
    finally:
        os.close(descriptor)


def check_port(port: int) -> None:
    """Raise CannotStart when something else listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotStart(
                f"Port {port} cannot be used ({error.strerror}); choose another one: make run PORT={port + 1}"
            ) from None


def _start_over(cluster: Cluster) -> None:
    """Start the server; one left behind by a start that was killed outright is stopped first (we hold the lock)."""
    if cluster.server_pid() is not None:
        cluster.stop()
    cluster.start()


def _says_ready(log: Path, since: int) -> bool:
    with log.open("rb") as file:
        file.seek(since)
        return b' ready."' in file.read()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line, shared with the management command that lists it."""
    parser.add_argument("--port", type=_port, default=8000, help="port of the web server on 127.0.0.1 (8000)")
    parser.add_argument(
        "--demo", choices=DEMO, default="full", help="what to make where there is no organisation (full)"
    )


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)


def main(arguments: Sequence[str]) -> int:
    """0 after a stop that was asked for, 1 when something failed, with one sentence on stderr."""
    parser = argparse.ArgumentParser(
        prog="manage.py up",
        description="Start database, broker, web server, worker and scheduler; Ctrl-C stops them and keeps the data.",
    )
    add_arguments(parser)
    options = parser.parse_args(arguments)
    var = Path(os.environ.get("CAREHOME_VAR") or ROOT / "var").resolve()
    try:
        return Supervisor(var, options.port, options.demo).run()
    except (EmbeddedError, OSError, psycopg.Error) as error:
        print(f"carehome cannot run: {error}", file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
