"""Views merged: one view of one subject by one person on the same page within a minute is one entry, with a count.

A view is written down before the page leaves, in `audit_open_view`; the entry follows when its minute is over. Until
then it is as safe as an entry that no checkpoint covers yet: from the application's role the database keeps it (it
can only be counted up, and goes only with its entry), from the database's owner the next checkpoint will.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from audit.context import origin_or_none
from audit.entries import build_event
from audit.errors import LedgerUnavailable
from audit.ids import uuid7
from audit.models import Event, EventKind, OpenView, resident_ids

WINDOW = timedelta(seconds=60)
_BATCH = 500
_NOTE = """
INSERT INTO audit_open_view (id, organisation_id, key, opened_at, last_at, actor, action, subject, device,
                             care_home_id, residents, page, extra)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s, %s)
ON CONFLICT (organisation_id, key) DO UPDATE
   SET count = audit_open_view.count + 1, last_at = greatest(audit_open_view.last_at, excluded.last_at)
 WHERE audit_open_view.opened_at BETWEEN %s AND %s
RETURNING id
"""


def note_view(
    *,
    organisation_id: UUID,
    actor: str,
    action: str,
    subject: str,
    page: str,
    residents: Iterable[UUID] = (),
    care_home_id: UUID | None = None,
    extra: Mapping[str, Any] | None = None,
) -> UUID:
    """Write down that somebody saw something: a new open view, or one more of the view that is open.

    page: the route's name. extra: refs, figures and keyed digests for the entry's details; never content.
    Returns the id that the entry has or will have. Raises LedgerUnavailable: the page must then not be shown.
    """
    origin = origin_or_none()
    named, device = resident_ids(residents), origin.device if origin else None
    facts = json.dumps(dict(extra or {}), sort_keys=True)
    told = json.dumps([actor, device, action, subject, page, str(care_home_id), [str(r) for r in named], facts])
    key = hashlib.sha256(told.encode()).digest()
    seen = [actor, action, subject, device, care_home_id, named, page, facts]
    try:
        for _try in range(3):
            now = timezone.now()
            with connection.cursor() as cursor:
                cursor.execute(_NOTE, [uuid7(), organisation_id, key, now, now, *seen, now - WINDOW, now + WINDOW])
                row = cursor.fetchone()
            if row:
                return UUID(str(row[0]))
            _close(OpenView.objects.filter(organisation_id=organisation_id, key=key))  # its minute is over
    except DatabaseError as error:
        raise LedgerUnavailable("The ledger did not take the view.") from error
    raise LedgerUnavailable("The ledger did not take the view.")


def close_views(organisation_id: UUID, *, everything: bool = False) -> int:
    """Seal the views whose minute is over (or all), a batch in a transaction; returns how many entries were made.

    A view from the future (a clock was set back) is over too.
    """
    over = OpenView.objects.filter(organisation_id=organisation_id)
    if not everything:
        now = timezone.now()
        over = over.filter(Q(opened_at__lte=now - WINDOW) | Q(opened_at__gt=now + WINDOW))
    closed = 0
    while count := _close(over):
        closed += count
    return closed


def oldest_open(organisation_id: UUID) -> datetime | None:
    """When the oldest open view began; one older than some minutes means that nothing closes them."""
    return (
        OpenView.objects.filter(organisation_id=organisation_id)
        .order_by("opened_at")
        .values_list("opened_at", flat=True)
        .first()
    )


@transaction.atomic
def _close(over: Any) -> int:
    views = list(over.select_for_update(skip_locked=True).order_by("opened_at")[:_BATCH])
    if not views:
        return 0
    Event.objects.bulk_create([_entry(view) for view in views])
    OpenView.objects.filter(organisation_id=views[0].organisation_id, pk__in=[view.pk for view in views]).delete()
    return len(views)


def _entry(view: OpenView) -> Event:
    return build_event(
        organisation_id=view.organisation_id,
        event_id=view.id,
        at=view.opened_at,
        kind=EventKind.VIEW,
        actor=view.actor,
        action=view.action,
        subject=view.subject,
        device=view.device,
        care_home_id=view.care_home_id,
        residents=view.residents,
        count=view.count,
        detail={"page": view.page, "last_at": view.last_at.isoformat(), **view.extra},
    )
