"""Holding records against the digests that their latest entries sealed."""

from collections.abc import Callable
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
from audit.verification import ERASURE, one

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
   AND NOT EXISTS (SELECT 1 FROM audit_event d
                    WHERE d.organisation_id = e.organisation_id AND d.subject = e.subject AND d.action = %s)
   AND NOT EXISTS (SELECT 1 FROM {table} r WHERE r.organisation_id = e.organisation_id AND %s || r.id = e.subject)
 ORDER BY s.seq DESC LIMIT 1
"""
_ERASED = """
SELECT 1 FROM audit_event e
  JOIN audit_seal s ON s.organisation_id = e.organisation_id AND s.event_id = e.id AND s.at = e.at
 WHERE e.organisation_id = %s AND e.subject = %s AND e.action = %s LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class RecordMismatch:
    seq: int | None
    kind: str
    subject: str


Check = Callable[[UUID], RecordMismatch | None]
_further: list[Check] = []


def also_check(check: Check) -> Check:
    """Register what an app above holds against its entries in its own way."""
    _further.append(check)
    return check


def first_record_mismatch(organisation_id: UUID) -> RecordMismatch | None:
    """The first record that differs from the digest in its latest entry, that no entry ever sealed, or that is gone.

    Of every model that is watched: residents and notes, and also staff, roles, grants, devices, tokens and care homes,
    so that a right given behind the application's back is named. A record that does not open at all differs too,
    unless the ledger seals that its resident was erased. Cannot see a record removed together with all of its entries:
    the chain tells of those. Nor rows that were last changed before their model's versions were sealed.
    """
    for model in auditlog.get_models():
        with collecting("verifying record seals"):
            for record in model._default_manager.filter(organisation_id=organisation_id).order_by("pk").iterator(500):
                found = _mismatch(organisation_id, record)
                if found:
                    return found
        gone = _gone(organisation_id, model)
        if gone:
            return gone
    return next((found for check in _further if (found := check(organisation_id))), None)


def _gone(organisation_id: UUID, model: Any) -> RecordMismatch | None:
    """A record that entries speak of and that is not there: records are never deleted."""
    sql = _GONE.format(table=connection.ops.quote_name(model._meta.db_table))
    prefix = f"{model.ref_kind}:"
    deleted = f"{model._meta.app_label}.{model.ref_kind}.deleted"
    row = one(connection, sql, [organisation_id, prefix, deleted, prefix])
    return RecordMismatch(seq=row[0], kind=BreakKind.RECORD_MISMATCH.value, subject=row[1]) if row else None


def _mismatch(organisation_id: UUID, record: Any) -> RecordMismatch | None:
    if isinstance(record, Watched) and _erased(organisation_id, record):
        return None
    row = one(connection, _LATEST_CHANGE, [organisation_id, record.ref])
    if row is not None and _as_sealed(Event.objects.get(organisation_id=organisation_id, pk=row[1], at=row[2]), record):
        return None
    return RecordMismatch(seq=row[0] if row else None, kind=BreakKind.RECORD_MISMATCH.value, subject=record.ref)


def _erased(organisation_id: UUID, record: Watched) -> bool:
    """Whether the ledger seals that the record's resident was erased; the resident's own row must then say so too."""
    if getattr(record, "erased_at", True) is None:
        return False
    subject = f"resident:{record.watched_resident_id}"
    return one(connection, _ERASED, [organisation_id, subject, ERASURE]) is not None


def latest_change(organisation_id: UUID, subject: str) -> tuple[int, Event] | None:
    """The number and the entry by which a record was last changed; None where no entry tells of it."""
    row = one(connection, _LATEST_CHANGE, [organisation_id, subject])
    return (row[0], Event.objects.get(organisation_id=organisation_id, pk=row[1], at=row[2])) if row else None


def _as_sealed(event: Event, record: Any) -> bool:
    try:
        sealed = open_details(event).get("digest")
        if sealed is None and not isinstance(record, Watched):
            return True  # of a release in which only records of care were sealed by version
        return bool(sealed == record_digest(record).hex())
    except Unopenable:
        return False
