"""Erasing a resident: their key is destroyed, and with it everything that was written under it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

import access.services
import audit.services
from access.actors import Actor
from records import erasure_list
from records.errors import AlreadyErased, NotLawful, WrongName
from records.events import RecordEvent
from records.models import DailyNote, Erasure, NameToken, Resident
from records.policies import RecordPermission, policy
from records.text import cleaned

log = structlog.get_logger(__name__)
REASON_LENGTH = 1_000
_RESTORED = "A restored backup had brought this record back. It was erased again from the list of erasures."
# No instance is saved: before and after of what goes must not be kept anywhere, and nothing may need the key.
_EMPTY = """
UPDATE records_resident
   SET erased_at = %s, room = '', admitted_on = NULL, nhs_number_index = NULL, allergy_state = 'not_recorded'
 WHERE organisation_id = %s AND id = %s
"""


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be erased, on what ground, by whom."""

    resident: Resident
    basis: str
    reason: str
    erased_by: str
    erased_at: datetime


@transaction.atomic
def erase_resident(
    *, actor: Actor, resident: Resident, basis: str, reason: str, confirm: str, law_allows: bool
) -> Erasure:
    """Destroy a resident's personal content for good. The caller has asked the person's password again.

    confirm: the resident's full name, typed. law_allows: the person says that the law allows it, which the system
    cannot know: records of care are otherwise kept for eight years after the care has ended.
    Destroys the resident's keys, name tokens, blind index and plain columns, and the details of every ledger entry that
    names this resident alone. The entries themselves stay and verify. Notes stay as ciphertext that no key opens.
    Raises NotPermitted, NotLawful, WrongName, BadText, AlreadyErased.
    Appends records.resident.erased (and access.key.destroyed), in the same transaction.
    """
    policy.require(actor, RecordPermission.ERASE_RESIDENT, at=resident.care_home_id)
    found = _take(resident.organisation_id, resident.pk)
    if not law_allows:
        raise NotLawful
    if _plainly(confirm) != _plainly(found.display_name):
        raise WrongName
    order = _Order(found, Erasure.Basis(basis), cleaned(reason, longest=REASON_LENGTH), actor.ref, timezone.now())
    return _erase(actor, order)


def replay_erasures(*, actor: Actor) -> list[UUID]:
    """Erase again whom a restored backup brought back: residents on the list outside who are on record here.

    Each in a transaction of its own; returns their ids. Raises NotPermitted. Appends records.resident.erased for each.
    """
    back = []
    for line in erasure_list.read(actor.organisation_id).values():
        with transaction.atomic():
            try:
                found = _take(actor.organisation_id, line.resident_id)
            except AlreadyErased:
                continue
            policy.require(actor, RecordPermission.ERASE_RESIDENT, at=found.care_home_id)
            order = _Order(found, Erasure.Basis.RESTORED, _RESTORED, line.erased_by, line.erased_at)
            _erase(actor, order)
        back.append(line.resident_id)
    return back


def keep_erasure_list(organisation_id: UUID) -> int:
    """Add to the list outside the erasures that are not on it yet; returns how many. Raises OSError."""
    known = erasure_list.read(organisation_id)
    lines = [
        erasure_list.Line(row.resident_id, row.erased_at, row.erased_by)
        for row in Erasure.objects.filter(organisation_id=organisation_id).order_by("erased_at")
        if row.resident_id not in known
    ]
    if lines:
        erasure_list.add(organisation_id, lines)
    return len(lines)


def backups_until(erased_on: date) -> date:
    """Until when a backup made before may still be kept: weekly sets live longest, and go a day later at most."""
    kept = max(timedelta(weeks=settings.BACKUP_KEEP_WEEKLY), timedelta(days=settings.BACKUP_KEEP_DAILY))
    return erased_on + kept + timedelta(days=1)


def _take(organisation_id: UUID, resident_id: UUID) -> Resident:
    """The record, locked until the transaction ends. Raises AlreadyErased, also where there is no such record."""
    found: Resident | None = (
        Resident.objects.select_for_update()
        .filter(organisation_id=organisation_id, pk=resident_id, erased_at__isnull=True)
        .first()
    )
    if found is None:
        raise AlreadyErased
    return found


def _erase(actor: Actor, order: _Order) -> Erasure:
    resident, organisation_id = order.resident, order.resident.organisation_id
    home_id = resident.care_home_id
    notes = DailyNote.objects.filter(organisation_id=organisation_id, resident_id=resident.pk).count()
    audit.services.close_views(organisation_id, everything=True)  # a view that is open becomes an entry like the others
    NameToken.objects.filter(organisation_id=organisation_id, resident_id=resident.pk).delete()
    # Named by its subject, not among the entry's residents: what it tells goes under the organisation's key and stays.
    audit.services.append(
        organisation_id=organisation_id,
        actor=actor.ref,
        action=RecordEvent.RESIDENT_ERASED,
        subject=resident.ref,
        detail={"basis": order.basis, "reason": order.reason, "notes": notes},
        care_home_id=home_id,
    )
    access.services.destroy_resident_keys(actor_ref=actor.ref, organisation_id=organisation_id, resident_id=resident.pk)
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY, [order.erased_at, organisation_id, resident.pk])
        cursor.execute("SELECT audit_erase(%s, %s)", [organisation_id, resident.pk])
        entries = cursor.fetchone()[0]
    erasure: Erasure = Erasure.objects.create(
        organisation_id=organisation_id,
        resident_id=resident.pk,
        care_home_id=home_id,
        basis=order.basis,
        reason=order.reason,
        erased_by=order.erased_by,
        erased_at=order.erased_at,
        notes=notes,
        entries=entries,
        backups_until=backups_until(timezone.localdate()),
    )
    transaction.on_commit(lambda: _tell_list(organisation_id))
    return erasure


def _tell_list(organisation_id: UUID) -> None:
    """The erasure is done; a list that cannot be written now is written by the next run of the task."""
    try:
        keep_erasure_list(organisation_id)
    except OSError:
        log.error("erasure_list_unwritable", organisation=str(organisation_id))


def _plainly(name: str) -> str:
    return " ".join(name.split()).casefold()
