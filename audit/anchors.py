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
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise AnchorFailed("The anchor file cannot be written.") from error
    return path.name


def anchored_notes(organisation_id: UUID) -> list[str]:
    """The notes that stand in the organisation's anchor file, oldest first; none where there is no file."""
    path = settings.AUDIT_ANCHOR_DIR / f"{organisation_id}.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line)["note"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
