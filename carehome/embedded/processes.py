"""Child processes that die with their parent, and sockets whose path the kernel accepts.

Decision: servers run as direct children, not as daemons, because only a parent learns of a child's death at once and
can promise to leave no orphan. On Linux the kernel itself tells the child when the parent is killed outright.
"""

import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from carehome.embedded.errors import CannotStart

_PR_SET_PDEATHSIG = 1
_LONGEST_SOCKET_PATH = 100
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | str = "/",
    on_parent_death: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own (so Ctrl-C reaches the parent only), output appended to the log (0600)."""
    parent = os.getpid()
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def die_with_parent() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(on_parent_death))
            if os.getppid() != parent:
                os._exit(1)

    try:
        return subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            env=dict(environment) if environment is not None else None,
            cwd=cwd,
            start_new_session=True,
            umask=0o077,
            preexec_fn=die_with_parent,
        )
    finally:
        os.close(descriptor)


def end(process: subprocess.Popen[bytes], *signals_and_patience: tuple[signal.Signals, float]) -> None:
    """Send each signal in turn, giving the process that many seconds, and kill it at last."""
    for number, patience in signals_and_patience:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    if process.poll() is None:
        process.kill()
        process.wait()


def wait_until(
    ready: Callable[[], bool],
    *,
    process: subprocess.Popen[bytes],
    name: str,
    log: Path,
    seconds: float = 30,
    pause: float = 0.02,
) -> None:
    """Wait until the child answers. Raises CannotStart when it dies or the time is over."""
    limit = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise CannotStart(f"{name} stopped while starting (exit {process.returncode}). {last_lines(log)}")
        if time.monotonic() > limit:
            raise CannotStart(f"{name} did not answer within {seconds:.0f} seconds. {last_lines(log)}")
        time.sleep(pause)


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log file, introduced by its name; a plain word where there is none."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-count:]
    except OSError:
        lines = []
    if not lines:
        return f"Its log {log} is empty."
    return "\n".join([f"Last lines of {log}:", *(f"  {line}" for line in lines)])


def is_alive(pid: int) -> bool:
    """Whether the process exists and is more than a zombie nobody has reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()


def private_directory(path: Path) -> Path:
    """Make the directory with mode 0700, or tighten it if it is there."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


def socket_directory(preferred: Path, longest_name: str) -> Path:
    """A 0700 directory for a Unix socket; under the temporary folder where the preferred path is over-long.

    The kernel takes 107 bytes for the whole path of a socket. The short name is derived from the long one, so that
    it is the same at each start.
    """
    if len(os.fsencode(preferred / longest_name)) <= _LONGEST_SOCKET_PATH:
        return private_directory(preferred)
    digest = hashlib.sha256(os.fsencode(preferred)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"carehome-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.is_symlink() or short.stat().st_uid != os.getuid():
        raise CannotStart(f"{short} belongs to someone else; remove it, or use a data folder with a shorter path.")
    return private_directory(short)
