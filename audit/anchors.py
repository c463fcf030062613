"""Where checkpoints are written out of the database owner's reach.

The append-only file is always on: one line per checkpoint, flushed to disk before the checkpoint counts as anchored.
Put its folder on another volume than the database.
"""

import json
import os
from datetime import datetime
from uuid import UUID

from django.conf import settings

from audit.errors import AnchorFailed


def anchor(*, organisation_id: UUID, size: int, note: str, signed_at: datetime) -> str:
    """Append the note to the organisation's anchor file; returns the file's name. Raises AnchorFailed."""
    folder = settings.AUDIT_ANCHOR_DIR
    path = folder / f"{organisation_id}.jsonl"
    line = json.dumps({"size": size, "signed_at": signed_at.isoformat(), "note": note}, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            _write_all(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise AnchorFailed("The anchor file cannot be written.") from error
    return path.name


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def anchored_notes(organisation_id: UUID) -> list[str]:
    """The notes that stand in the organisation's anchor file, oldest first; none where there is no file.

    A line that cannot be read is given as it stands: no key opens it, so the verifier names a bad checkpoint. The one
    exception is a last line without its end: a write that a power cut broke off, whose checkpoint never counted.
    """
    path = settings.AUDIT_ANCHOR_DIR / f"{organisation_id}.jsonl"
    if not path.is_file():
        return []
    whole, _, _torn = path.read_text(encoding="utf-8", errors="replace").rpartition("\n")
    return [_note_in(line) for line in whole.splitlines() if line.strip()]


def _note_in(line: str) -> str:
    try:
        return str(json.loads(line)["note"])
    except (ValueError, KeyError, TypeError):
        return line
