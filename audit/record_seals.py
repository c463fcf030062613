"""Holding records against the digests that their latest entries sealed."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
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
from audit.verification import ERASURE, one, rows_of

_BATCH = 500
_LATEST_CHANGES = """
SELECT DISTINCT ON (e.subject) e.subject, s.seq, e.id, e.at
  FROM audit_event e
  JOIN audit_seal s ON s.organisation_id = e.organisation_id AND s.event_id = e.id AND s.at = e.at
 WHERE e.organisation_id = %s AND e.subject = ANY(%s) AND e.kind = 'change'
 ORDER BY e.subject, s.seq DESC
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
SELECT DISTINCT e.subject FROM audit_event e
  JOIN audit_seal s ON s.organisation_id = e.organisation_id AND s.event_id = e.id AND s.at = e.at
 WHERE e.organisation_id = %s AND e.action = %s
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
    erased = {row[0] for row in rows_of(connection, _ERASED, [organisation_id, ERASURE])}
    for model in auditlog.get_models():
        with collecting("verifying record seals"):
            records = model._default_manager.filter(organisation_id=organisation_id).order_by("pk").iterator(_BATCH)
            for batch in _batches(records):
                changes = latest_changes(organisation_id, [record.ref for record in batch])
                found = next((bad for record in batch if (bad := _mismatch(record, changes, erased))), None)
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


def _batches(records: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(records, _BATCH)):
        yield batch


def _mismatch(record: Any, changes: dict[str, tuple[int, Event]], erased: Collection[str]) -> RecordMismatch | None:
    if isinstance(record, Watched) and _erased(record, erased):
        return None
    seq, event = changes.get(record.ref, (None, None))
    if event is not None and _as_sealed(event, record):
        return None
    return RecordMismatch(seq=seq, kind=BreakKind.RECORD_MISMATCH.value, subject=record.ref)


def _erased(record: Watched, erased: Collection[str]) -> bool:
    """Whether the ledger seals that the record's resident was erased; the resident's own row must then say so too."""
    return getattr(record, "erased_at", True) is not None and f"resident:{record.watched_resident_id}" in erased


def latest_changes(organisation_id: UUID, subjects: Iterable[str]) -> dict[str, tuple[int, Event]]:
    """By subject, the number and the entry by which a record was last changed; subjects without one are left out.

    Two queries, whatever the number.
    """
    rows = rows_of(connection, _LATEST_CHANGES, [organisation_id, list(subjects)])
    if not rows:
        return {}
    times = [row[3] for row in rows]
    events = Event.objects.filter(
        organisation_id=organisation_id, pk__in=[row[2] for row in rows], at__range=(min(times), max(times))
    ).in_bulk()
    return {subject: (seq, events[event_id]) for subject, seq, event_id, _at in rows}


def _as_sealed(event: Event, record: Any) -> bool:
    try:
        sealed = open_details(event).get("digest")
        if sealed is None and not isinstance(record, Watched):
            return True  # of a release in which only records of care were sealed by version
        return bool(sealed == record_digest(record).hex())
    except Unopenable:
        return False
