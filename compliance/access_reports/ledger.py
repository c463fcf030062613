"""What the ledger holds about one resident: sealed entries and the views that are still open, as one.

Found through audit_mention, the index of who is named; the page a view was of is read out of its encrypted detail, and
a detail that does not open (erased, or of an older key) leaves the line standing without it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from audit.entries import open_details
from audit.errors import Unopenable
from audit.models import Event
from compliance.access_reports.looks import Counted, Entry, sort_of

_BEGINNING, _END = (
    datetime.fromisoformat("1970-01-01T00:00:00+00:00"),
    datetime.fromisoformat("9999-01-01T00:00:00+00:00"),
)

# Sealed entries that name the resident, then views of the last minute that will be entries soon.
_NAMED = """
SELECT e.id, e.at, e.kind, e.actor, e.action, e.subject, e.device, e.count, cardinality(e.residents) > 1 AS listed,
       e.detail, e.care_home_id, ''::varchar AS page
  FROM audit_mention m
  JOIN audit_event e ON e.id = m.event_id AND e.at = m.at AND e.organisation_id = m.organisation_id
 WHERE m.organisation_id = %(organisation)s AND m.resident_id = %(resident)s AND m.at >= %(since)s AND m.at < %(until)s
UNION ALL
SELECT v.id, v.opened_at, 'view', v.actor, v.action, v.subject, v.device, v.count, cardinality(v.residents) > 1,
       NULL, NULL, v.page
  FROM audit_open_view v
 WHERE v.organisation_id = %(organisation)s AND %(resident)s = ANY (v.residents)
   AND v.opened_at >= %(since)s AND v.opened_at < %(until)s
"""
_COUNTED = f"""
SELECT (at AT TIME ZONE 'Europe/London')::date, actor, kind, action, listed, sum(count), max(at)
  FROM ({_NAMED}) AS named GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608  # fixed words
_TOLD = f"""
SELECT id, at, kind, actor, action, subject, device, count, listed, detail, care_home_id, page
  FROM ({_NAMED}) AS named
 WHERE (NOT listed OR kind = 'refusal' OR action ~ '[.](printed|exported|downloaded|sent|extracted)$')
   AND (actor NOT LIKE 'system:%%' OR action ~ '[.](printed|exported|downloaded|sent|extracted)$')
   AND (%(actor)s = '' OR actor = %(actor)s) ORDER BY at, id
"""  # noqa: S608
_ONE = f"""
SELECT id, at, kind, actor, action, subject, device, count, listed, detail, care_home_id, page
  FROM ({_NAMED}) AS named WHERE id = %(entry)s
"""  # noqa: S608


def counted(
    organisation_id: UUID, resident_id: UUID, since: datetime | None, until: datetime | None = None
) -> list[Counted]:
    """How often who did what on which of London's days in [since, until). One query."""
    rows = _rows(_COUNTED, organisation_id, resident_id, since, until)
    return [
        Counted(day, actor, sort_of(kind, action, listed=listed), int(times), last_at)
        for day, actor, kind, action, listed, times, last_at in rows
    ]


def entries(
    organisation_id: UUID,
    resident_id: UUID,
    since: datetime | None,
    until: datetime | None = None,
    *,
    actor: str = "",
) -> list[Entry]:
    """People's entries about this resident alone in [since, until), oldest first; of one actor if one is given."""
    rows = _rows(_TOLD, organisation_id, resident_id, since, until, actor=actor)
    return [_entry(organisation_id, resident_id, row) for row in rows]


def entry(organisation_id: UUID, resident_id: UUID, entry_id: UUID, since: datetime | None) -> Entry | None:
    """One entry of the report by its id, lists too; None where it does not name the resident, or lies before it."""
    row = next(_rows(_ONE, organisation_id, resident_id, since, None, entry=entry_id), None)
    return _entry(organisation_id, resident_id, row) if row else None


def _rows(
    sql: str, organisation_id: UUID, resident_id: UUID, since: datetime | None, until: datetime | None, **more: Any
) -> Iterator[Any]:
    values = {"organisation": organisation_id, "resident": resident_id}
    with connection.cursor() as cursor:
        cursor.execute(sql, values | {"since": since or _BEGINNING, "until": until or _END} | more)
        return iter(cursor.fetchall())


def _entry(organisation_id: UUID, resident_id: UUID, row: Any) -> Entry:
    entry_id, at, kind, actor, action, subject, device, count, listed, detail, care_home_id, page = row
    entry = Entry(entry_id, at, kind, actor, action, subject, device, count, listed, page)
    if detail is None or entry.kind != "view" or entry.listed:
        return entry
    return replace(entry, page=_page(organisation_id, resident_id, entry, care_home_id, detail))


def _page(organisation_id: UUID, resident_id: UUID, entry: Entry, care_home_id: UUID | None, detail: Any) -> str:
    """The route that a sealed view was of; empty where its details do not open."""
    event = Event(
        id=entry.id,
        organisation_id=organisation_id,
        at=entry.at,
        kind=entry.kind,
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        device=entry.device,
        care_home_id=care_home_id,
        residents=[resident_id],
        count=entry.count,
        commitment=b"",
        detail=detail,
    )
    try:
        return str(open_details(event).get("page", ""))
    except Unopenable:
        return ""
