"""What `manage.py up` shows: one line for each step with the seconds it takes, and the table of demo accounts."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

_EVERY = 5.0  # seconds between lines where the output is not a terminal


class Progress:
    """One step's line: redrawn on a terminal; elsewhere written at its start, every few seconds, and at its end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.started = self.told = time.monotonic()
        self.live = sys.stdout.isatty()
        self._write(self.text + " …", end="" if self.live else "\n")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def tick(self) -> None:
        """Call this often; it decides when there is something to show."""
        if self.live:
            self._write(f"\r{self.text} … {self.seconds:.0f} s ", end="")
        elif time.monotonic() - self.told >= _EVERY:
            self.told = time.monotonic()
            self._write(f"{self.text} … {self.seconds:.0f} s")

    def close(self, outcome: str) -> None:
        clear = "\r\x1b[K" if self.live else ""
        self._write(f"{clear}{self.text}: {outcome}, {self.seconds:.1f} s")

    def _write(self, text: str, end: str = "\n") -> None:
        print(text, end=end, flush=True)


@contextmanager
def progress(text: str) -> Iterator[Progress]:
    """Show a step while it runs; its outcome is done, failed when it raises, stopped when someone asks for it."""
    line = Progress(text)
    try:
        yield line
    except Exception:
        line.close("failed")
        raise
    except BaseException:
        line.close("stopped")
        raise
    line.close("done")


def table(rows: Sequence[Mapping[str, object]], columns: Mapping[str, str]) -> str:
    """Rows under headings, in columns as wide as they need; columns: key -> heading. Lists are joined by commas."""
    cells = [list(columns.values()), *([_word(row.get(key)) for key in columns] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _word(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_word, value))
    return "" if value is None else str(value)
