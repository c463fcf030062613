"""Views merged: one view of one subject by one person on the same page within a minute is one entry, with a count.

A view is written down before the page leaves, in `audit_open_view`; the entry follows when its minute is over. Until
then it is as safe as an entry that no checkpoint covers yet: from the application's role the database keeps it (it
can only be counted up, and goes only with its entry), from the database's owner the next checkpoint will.

What closes a view seals it with the organisation's keys, in the person's name. So that nobody without those keys can
have a view sealed by putting a row there, a row's key and id are keyed digests; one that does not fit is never sealed.
"""

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from audit.cipher import cipher
from audit.context import origin_or_none
from audit.entries import build_event
from audit.errors import LedgerUnavailable
from audit.models import Event, EventKind, OpenView, resident_ids

log = structlog.get_logger(__name__)
WINDOW = timedelta(seconds=60)
_BATCH = 500
_NOTE = """
INSERT INTO audit_open_view (id, organisation_id, key, opened_at, last_at, actor, action, subject, device,
                             care_home_id, residents, page, extra)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s, %s)
ON CONFLICT (organisation_id, key) DO UPDATE
   SET count = audit_open_view.count + 1, last_at = greatest(audit_open_view.last_at, excluded.last_at)
 WHERE audit_open_view.opened_at BETWEEN %s AND %s
RETURNING id, opened_at
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
    key = _key(organisation_id, [actor, device, action, subject, page, care_home_id, named, facts])
    seen = [actor, action, subject, device, care_home_id, named, page, facts]
    try:
        for _try in range(3):
            now = timezone.now()
            with connection.cursor() as cursor:
                new_id = _id(organisation_id, key, now, os.urandom(2))
                cursor.execute(_NOTE, [new_id, organisation_id, key, now, now, *seen, now - WINDOW, now + WINDOW])
                row = cursor.fetchone()
            if row and row[0] == _id(organisation_id, key, row[1], row[0].bytes[6:8]):
                return UUID(str(row[0]))
            if row:
                raise LedgerUnavailable("Somebody put a view there that this application did not write.")
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
    closed, last = _close(over)
    while last is not None:
        count, last = _close(over.filter(Q(opened_at__gt=last.opened_at) | Q(opened_at=last.opened_at, pk__gt=last.pk)))
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
def _close(over: Any) -> tuple[int, OpenView | None]:
    """One batch: how many it sealed, and the last one it looked at; those that are not the application's stay."""
    views = list(over.select_for_update(skip_locked=True).order_by("opened_at", "pk")[:_BATCH])
    if not views:
        return 0, None
    organisation_id, genuine = views[0].organisation_id, [view for view in views if is_genuine(view)]
    if len(genuine) < len(views):
        log.error("open_view_forged", organisation=str(organisation_id), count=len(views) - len(genuine))
    if genuine:
        Event.objects.bulk_create([_entry(view) for view in genuine])
        OpenView.objects.filter(organisation_id=organisation_id, pk__in=[view.pk for view in genuine]).delete()
    return len(genuine), views[-1]


def is_genuine(view: OpenView) -> bool:
    """Whether the application wrote this row as it stands; its count and last time may have been raised since."""
    told = [view.actor, view.device, view.action, view.subject, view.page, view.care_home_id, view.residents]
    key = _key(view.organisation_id, [*told, json.dumps(view.extra, sort_keys=True)])
    return key == bytes(view.key) and view.id == _id(view.organisation_id, key, view.opened_at, view.id.bytes[6:8])


def _key(organisation_id: UUID, told: list[Any]) -> bytes:
    """Which view it is, 32 bytes: a keyed digest of who, where, what and on which page."""
    return cipher().record_digest(organisation_id, b"open view\n" + json.dumps(told, default=str).encode())


def _id(organisation_id: UUID, key: bytes, opened_at: datetime, drawn: bytes) -> UUID:
    """As UUIDv7: 48 bits of milliseconds and 12 drawn ones; the other 62 say that the application opened it then."""
    moment = opened_at.astimezone(UTC).isoformat().encode()
    drawn = bytes((drawn[0] & 0x0F | 0x70, drawn[1]))
    digest = cipher().record_digest(organisation_id, b"\n".join((b"open view's id", key, drawn, moment)))
    milliseconds = int(opened_at.timestamp() * 1000) & (1 << 48) - 1
    return UUID(bytes=milliseconds.to_bytes(6) + drawn + bytes((digest[0] & 0x3F | 0x80,)) + digest[1:8])


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
