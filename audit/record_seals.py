"""Holding records against the digests that their latest entries sealed."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auditlog.registry import auditlog
from django.db import connection

from audit.chain import BreakKind
from audit.digests import record_digest
from audit.entries import open_details
from audit.errors import Unopenable
from audit.models import Event
from audit.reading import Watched, collecting
from audit.verification import one

_LATEST_CHANGE = """
SELECT s.seq, e.id, e.at
  FROM audit_event e
  JOIN audit_seal s ON s.organisation_id = e.organisation_id AND s.event_id = e.id AND s.at = e.at
 WHERE e.organisation_id = %s AND e.subject = %s AND e.kind = 'change'
 ORDER BY s.seq DESC LIMIT 1
"""  # by the order of commits: clocks of two machines, or one set back, tell another
_GONE = """
SELECT s.seq, e.subject
  FROM audit_event e
  JOIN audit_seal s ON s.organisation_id = e.organisation_id AND s.event_id = e.id AND s.at = e.at
 WHERE e.organisation_id = %s AND e.kind = 'change' AND starts_with(e.subject, %s)
   AND NOT EXISTS (SELECT 1 FROM {table} r WHERE r.organisation_id = e.organisation_id AND %s || r.id = e.subject)
 ORDER BY s.seq DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class RecordMismatch:
    seq: int | None
    kind: str
    subject: str


def first_record_mismatch(organisation_id: UUID) -> RecordMismatch | None:
    """The first record that differs from the digest in its latest entry, that no entry ever sealed, or that is gone.

    A record that does not open at all differs too. Cannot see a record removed together with all of its entries: the
    chain tells of those.
    """
    for model in auditlog.get_models():
        if not issubclass(model, Watched):
            continue
        with collecting("verifying record seals"):
            for record in model._default_manager.filter(organisation_id=organisation_id).order_by("pk").iterator(500):
                found = _mismatch(organisation_id, record)
                if found:
                    return found
        gone = _gone(organisation_id, model)
        if gone:
            return gone
    return None


def _gone(organisation_id: UUID, model: Any) -> RecordMismatch | None:
    """A record that entries speak of and that is not there: records are never deleted."""
    sql = _GONE.format(table=connection.ops.quote_name(model._meta.db_table))
    prefix = f"{model.ref_kind}:"
    row = one(connection, sql, [organisation_id, prefix, prefix])
    return RecordMismatch(seq=row[0], kind=BreakKind.RECORD_MISMATCH.value, subject=row[1]) if row else None


def _mismatch(organisation_id: UUID, record: Any) -> RecordMismatch | None:
    row = one(connection, _LATEST_CHANGE, [organisation_id, record.ref])
    if row is not None and _as_sealed(Event.objects.get(organisation_id=organisation_id, pk=row[1], at=row[2]), record):
        return None
    return RecordMismatch(seq=row[0] if row else None, kind=BreakKind.RECORD_MISMATCH.value, subject=record.ref)


def _as_sealed(event: Event, record: Any) -> bool:
    try:
        return bool(open_details(event).get("digest") == record_digest(record).hex())
    except Unopenable:
        return False
