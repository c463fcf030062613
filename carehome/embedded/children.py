"""The processes one supervisor looks after: those it starts and ends itself, and those it only keeps an eye on."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from carehome.embedded.errors import CannotStart
from carehome.embedded.processes import last_lines, spawn

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Child:
    """patience: seconds it gets to finish what it is doing; None when somebody else ends it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    patience: float | None = None


@dataclass
class Children:
    """In the order of their start."""

    _all: list[Child] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._all)

    def start(
        self, name: str, argv: Sequence[str], *, log: Path, environment: Mapping[str, str], patience: float
    ) -> None:
        self._all.append(Child(name, spawn(argv, log=log, environment=environment, cwd=ROOT), log, patience))

    def watch(self, name: str, process: subprocess.Popen[bytes] | None, log: Path) -> None:
        if process is not None:
            self._all.append(Child(name, process, log))

    def log(self, name: str) -> Path:
        return next(child.log for child in self._all if child.name == name)

    def raise_if_dead(self) -> None:
        """Raise CannotStart, naming the first that has stopped by itself, with its last words."""
        for child in self._all:
            if child.process.poll() is not None:
                code = child.process.returncode
                raise CannotStart(f"The {child.name} stopped by itself (exit {code}). {last_lines(child.log)}")

    def stop(self, *, hurried: Callable[[], bool]) -> None:
        """End those that are ours, the last first; when hurried, without waiting for what they are doing."""
        for child in reversed(self._all):
            if child.patience is not None:
                _end(child, child.patience, hurried)
        self._all.clear()


def _end(child: Child, patience: float, hurried: Callable[[], bool]) -> None:
    """Ask, wait, and then end the child's whole group, so that no pool process of its outlives it."""
    if child.process.poll() is None:
        child.process.terminate()
    limit = time.monotonic() + patience
    while child.process.poll() is None and time.monotonic() < limit and not hurried():
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()
