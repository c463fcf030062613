"""The list of erasures that stands outside the database, so that a restored backup cannot bring anybody back unseen.

A file per organisation beside the anchors, one line per erasure: ids and times, nothing else. It is written after the
erasure has committed, from the rows themselves, so that a line never tells of an erasure that did not happen; what a
crash left out is added by the next run of `records.tasks.keep_erasure_lists`.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Line:
    resident_id: UUID
    erased_at: datetime
    erased_by: str


def path_of(organisation_id: UUID) -> Path:
    folder: Path = settings.AUDIT_ANCHOR_DIR
    return folder / "erasures" / f"{organisation_id}.jsonl"


def read(organisation_id: UUID) -> dict[UUID, Line]:
    """The erasures on the list, by resident. A last line that a power cut broke off is left out: it is added anew."""
    path = path_of(organisation_id)
    if not path.is_file():
        return {}
    whole, _, _torn = path.read_text(encoding="utf-8").rpartition("\n")
    found = [json.loads(line) for line in whole.splitlines() if line.strip()]
    return {
        UUID(row["resident"]): Line(UUID(row["resident"]), datetime.fromisoformat(row["erased_at"]), row["erased_by"])
        for row in found
    }


def add(organisation_id: UUID, lines: Iterable[Line]) -> None:
    """Append lines and flush them to disk. Raises OSError."""
    path = path_of(organisation_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _end_torn_line(path)
    content = "".join(
        json.dumps(
            {
                "resident": str(line.resident_id),
                "erased_at": line.erased_at.isoformat(),
                "erased_by": line.erased_by,
            }
        )
        + "\n"
        for line in lines
    )
    with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "wb") as file:
        file.write(content.encode())
        file.flush()
        os.fsync(file.fileno())


def _end_torn_line(path: Path) -> None:
    """Cut off what a power cut left without its end, or the next line would be lost in it."""
    if not path.is_file():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
