"""The append-only file of one organisation's anchored notes: one line each, flushed to disk before it counts.

Lines are `{"size", "signed_at", "note"}`, and `{"torn": bytes}` behind a line that a power cut or a full disk broke
off: the broken line stays as it is, for a file that can only be appended to can mend nothing, and it never counted.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from audit.errors import AnchorFailed

_TAIL = 64 * 1024  # bytes; about a hundred notes
_PATIENCE = 20.0  # seconds; what is done while the file is held takes milliseconds


@dataclass(frozen=True, slots=True)
class Anchored:
    """One note on its way to the anchors. size: entries it covers, or after which a restore goes on."""

    organisation_id: UUID
    size: int
    note: str
    signed_at: datetime
    restored: bool = False


class AnchorFile:
    def __init__(self, folder: Path, organisation_id: UUID) -> None:
        self.path = folder / f"{organisation_id}.jsonl"

    @contextmanager
    def held(self) -> Iterator["HeldFile"]:
        """The file to ourselves: whoever signs looks, signs and writes before another does. Raises AnchorFailed."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise AnchorFailed("The anchor file cannot be written.") from error
        try:
            _lock(descriptor)
            yield HeldFile(self.path.name, descriptor)
        finally:
            os.close(descriptor)

    def notes(self) -> Iterator[str]:
        """Every note, oldest first, however they contradict each other; none where there is no file.

        A line that cannot be read is given as it stands: no key opens it, so the verifier names a bad checkpoint.
        Passed over are a last line without its end and a line that the next one calls torn: they never counted.
        """
        if not self.path.is_file():
            return
        with self.path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            yield from _notes(file)

    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0


class HeldFile:
    """The open file; nobody else writes to it meanwhile."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self._descriptor = descriptor

    def append(self, kept: Anchored) -> None:
        """One line, on the disk when this returns. Raises AnchorFailed; the line then does not count."""
        content: dict[str, object] = {"size": kept.size, "signed_at": kept.signed_at.isoformat(), "note": kept.note}
        if kept.restored:
            content["restored"] = True
        try:
            before = os.fstat(self._descriptor).st_size
            line = self._mended(before) + json.dumps(content, ensure_ascii=False).encode() + b"\n"
            try:
                _write_all(self._descriptor, line)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._descriptor, before)
                raise
            os.fsync(self._descriptor)
        except OSError as error:
            raise AnchorFailed("The anchor file cannot be written.") from error

    def tail(self) -> Iterator[list[str]]:
        """The notes at the end of the file, oldest first; then of a stretch twice as long, and so on to the first."""
        end, length = os.fstat(self._descriptor).st_size, _TAIL
        while True:
            start = max(0, end - length)
            content = os.pread(self._descriptor, end - start, start)
            if start:
                content = content.partition(b"\n")[2]
            yield list(_notes(line + "\n" for line in _whole_lines(content)))
            if not start:
                return
            length *= 2

    def _mended(self, size: int) -> bytes:
        """What ends a line that was broken off and says that it was; empty where there is none."""
        if not size or os.pread(self._descriptor, 1, size - 1) == b"\n":
            return b""
        torn = 0
        while torn < size:
            chunk = os.pread(self._descriptor, min(_TAIL, size - torn), max(0, size - torn - _TAIL))
            _head, newline, rest = chunk.rpartition(b"\n")
            torn += len(rest) if newline else len(chunk)
            if newline:
                break
        return b"\n" + json.dumps({"torn": torn}).encode() + b"\n"


def _lock(descriptor: int) -> None:
    """Raises AnchorFailed when somebody holds the file for longer than any signing takes."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise AnchorFailed("Another process holds the anchor file.") from error
            time.sleep(0.02)
        except OSError as error:
            raise AnchorFailed("The anchor file cannot be locked.") from error
        else:
            return


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _whole_lines(content: bytes) -> list[str]:
    return content.decode("utf-8", errors="surrogateescape").rpartition("\n")[0].split("\n") if b"\n" in content else []


def _notes(lines: Iterator[str]) -> Iterator[str]:
    before: str | None = None  # a line is given out once the next one has not called it torn
    for line in lines:
        if not line.endswith("\n"):
            break
        if not line.strip():
            continue
        torn = _torn(line)
        if before is not None and torn != len(_bytes(before)) - 1:
            yield _note_in(before)
        before = None if torn is not None else line
    if before is not None:
        yield _note_in(before)


def _torn(line: str) -> int | None:
    if not line.startswith('{"torn":'):
        return None
    try:
        return int(json.loads(line)["torn"])
    except (ValueError, KeyError, TypeError):
        return None


def _note_in(line: str) -> str:
    """What may be signed, free of what no text may hold, so that nothing after this stumbles over it."""
    try:
        note = str(json.loads(line)["note"])
    except (ValueError, KeyError, TypeError):
        note = line
    return note.encode(errors="replace").decode()


def _bytes(line: str) -> bytes:
    return line.encode(errors="surrogateescape")
