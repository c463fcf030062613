"""What tests do to a ledger: append to it, put an old dump in its place, read its anchor file."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from audit import services
from tests.database import as_admin


def append(organisation_id: UUID, number: int = 1, action: str = "test.act.done") -> None:
    for _ in range(number):
        services.append(organisation_id=organisation_id, actor="system:test", action=action, subject="test:a")


def put_back(organisation_id: UUID, size: int) -> None:
    """As a restore of an older dump would leave it: the ledger's tables end at entry `size`."""
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        beyond = "SELECT event_id FROM audit_seal WHERE organisation_id = %(o)s AND seq > %(s)s"
        admin.execute(f"DELETE FROM audit_event WHERE id IN ({beyond})", {"o": organisation_id, "s": size})
        admin.execute("DELETE FROM audit_seal WHERE organisation_id = %s AND seq > %s", (organisation_id, size))
        for table in ("audit_checkpoint", "audit_anchor_receipt"):
            admin.execute(f"DELETE FROM {table} WHERE organisation_id = %s AND size > %s", (organisation_id, size))
        admin.execute("DELETE FROM audit_verification WHERE organisation_id = %s", (organisation_id,))
        admin.execute(
            "UPDATE audit_head h SET seq = s.seq, digest = s.digest FROM audit_seal s"
            " WHERE s.organisation_id = h.organisation_id AND s.seq = %s AND h.organisation_id = %s",
            (size, organisation_id),
        )


def anchor_path(organisation_id: UUID) -> Path:
    return Path(settings.AUDIT_ANCHOR_DIR) / f"{organisation_id}.jsonl"


def anchored_lines(organisation_id: UUID) -> list[dict[str, Any]]:
    return [json.loads(line) for line in anchor_path(organisation_id).read_text().splitlines()]
