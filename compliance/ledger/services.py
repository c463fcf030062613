"""Opening an entry, and files of the audit log: asking for one, making it, giving it out, removing it."""

import hashlib
import os
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

import audit.services
from access import keys
from access import queries as access_queries
from access.actors import Actor
from access.envelope import blind_index
from access.errors import NotPermitted
from access.models import Organisation, Staff
from access.policies import ANYWHERE
from audit.context import origin_or_none
from audit.errors import LedgerError
from audit.extracts import Selection, write_extract
from audit.models import Event
from compliance.errors import (
    LedgerExportFailed,
    LedgerExportInProgress,
    LedgerExportNotReady,
    ReasonMissing,
    UnknownAlert,
)
from compliance.events import ComplianceEvent
from compliance.ledger import exports
from compliance.ledger.filters import Filters, read
from compliance.ledger.lines import Line, lines
from compliance.ledger.queries import Search, alert_of, scope_of
from compliance.ledger.summary import in_words
from compliance.models import LedgerExport
from compliance.policies import CompliancePermission, policy

KEPT_FOR = timedelta(days=7)
STALLED_AFTER = timedelta(minutes=30)
LATE_AFTER = timedelta(seconds=30)
_AT_ONCE = 500


def note_opened(*, actor: Actor, event: Event, page: str) -> None:
    """Seal that somebody opened what an entry says of residents; opened again within the minute, it is counted.

    Raises audit.errors.LedgerUnavailable: the page must then not be shown. Notes compliance.ledger.viewed.
    """
    if not event.residents:
        return
    audit.services.note_view(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=ComplianceEvent.LEDGER_VIEWED,
        subject=f"entry:{event.pk}",
        page=page,
        residents=event.residents,
        care_home_id=event.care_home_id,
    )
    if (origin := origin_or_none()) is not None:
        origin.covered.update(event.residents)  # their names on this page are of this view, not of another


def note_searched(*, actor: Actor, whom: str, words: str, found: int) -> None:
    """Seal that somebody was looked for by name; what was typed stays a keyed digest, which only recognises it again.

    Raises audit.errors.LedgerUnavailable. Notes compliance.ledger.searched.
    """
    typed = " ".join(words.casefold().split())
    digest = blind_index(keys.index_key(actor.organisation_id), f"ledger.{whom}", typed)
    audit.services.note_view(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=ComplianceEvent.LEDGER_SEARCHED,
        subject=f"organisation:{actor.organisation_id}",
        page="compliance:ledger_choose",
        extra={"whom": whom, "search": digest.hex(), "found": found},
    )


@transaction.atomic
def request_export(*, actor: Actor, filters: Filters, kind: str, reason: str) -> LedgerExport:
    """Ask for a file of what these filters find; a task makes it. The caller has asked the person's password again.

    Raises NotPermitted, ReasonMissing, LedgerExportInProgress, UnknownAlert.
    Appends compliance.ledger.export_requested.
    """
    policy.require(actor, CompliancePermission.EXPORT_LEDGER, at=ANYWHERE)
    alert_of(actor, filters)
    if not reason.strip():
        raise ReasonMissing
    Organisation.objects.select_for_update().get(pk=actor.organisation_id)  # two requests at once: one of them waits
    unfinished = (
        _of(actor.organisation_id)
        .filter(requested_by=actor.ref, state__in=[LedgerExport.State.WAITING, LedgerExport.State.BUILDING])
        .first()
    )
    if unfinished is not None:
        raise LedgerExportInProgress(unfinished.pk)
    export: LedgerExport = LedgerExport.objects.create(
        organisation_id=actor.organisation_id,
        format=LedgerExport.Format(kind),
        filters=filters.query(),
        requested_by=actor.ref,
        reason=reason.strip(),
    )
    detail = {"format": export.format, "filters": export.filters, "reason": export.reason}
    _append(actor, ComplianceEvent.LEDGER_EXPORT_REQUESTED, export, detail)
    return export


def build_export(*, actor: Actor, export_id: UUID, claim: str) -> LedgerExport | None:
    """Make a file that waits, as the person who asked would see it now. None when another task makes it.

    claim: the task's own id; the same claim may come again and starts anew. Raises NotPermitted and whatever stopped
    it, after the row says why. Appends compliance.ledger.exported or compliance.ledger.export_failed.
    """
    policy.require(actor, CompliancePermission.BUILD_LEDGER_EXPORT, at=ANYWHERE)
    export = _claim(actor.organisation_id, export_id, claim)
    if export is None:
        return None
    try:
        residents = _make(export)
    except (LedgerExportFailed, OSError) as error:
        _fail(actor, export, str(error) if isinstance(error, LedgerExportFailed) else _NO_ROOM)
        raise
    _finish(actor, export, residents)
    return export


@transaction.atomic
def download_export(*, actor: Actor, export: LedgerExport) -> Path:
    """Where the finished file lies, for its own requester to take.

    Raises NotPermitted, LedgerExportNotReady. Appends compliance.ledger.export_downloaded.
    """
    policy.require(actor, CompliancePermission.EXPORT_LEDGER, at=ANYWHERE)
    if export.requested_by != actor.ref:
        raise NotPermitted(CompliancePermission.EXPORT_LEDGER)
    if not export.ready:
        raise LedgerExportNotReady(_("The file is not ready."))
    try:
        same = _digest(export.path) == export.sha256
    except OSError as error:
        raise LedgerExportNotReady(_("The file is no longer there. Ask for a new one.")) from error
    if not same:
        raise LedgerExportNotReady(_("The file is not the one that was made. Ask for a new one."))
    _append(actor, ComplianceEvent.LEDGER_EXPORT_DOWNLOADED, export, {"sha256": export.sha256})
    return export.path


def expire_exports(*, actor: Actor) -> int:
    """Remove the files whose time is over; returns how many.

    Raises NotPermitted. Appends compliance.ledger.export_expired.
    """
    policy.require(actor, CompliancePermission.BUILD_LEDGER_EXPORT, at=ANYWHERE)
    over = _of(actor.organisation_id).filter(state=LedgerExport.State.READY, expires_at__lte=timezone.now())
    for export in over:
        with transaction.atomic():
            export.path.unlink(missing_ok=True)
            export.state = LedgerExport.State.EXPIRED
            export.save(update_fields=["state"])
            _append(actor, ComplianceEvent.LEDGER_EXPORT_EXPIRED, export, {})
    return len(over)


def waiting_exports(organisation_id: UUID) -> list[UUID]:
    """Files whose task never came or never came back: to be enqueued again."""
    now = timezone.now()
    waiting = Q(state=LedgerExport.State.WAITING, created_at__lt=now - LATE_AFTER)
    stalled = Q(state=LedgerExport.State.BUILDING, started_at__lt=now - STALLED_AFTER)
    return list(_of(organisation_id).filter(waiting | stalled).values_list("pk", flat=True))


_NO_ROOM = "The file could not be written on the server. Tell the person who runs the system."


def _claim(organisation_id: UUID, export_id: UUID, claim: str) -> LedgerExport | None:
    now = timezone.now()
    mine = Q(state=LedgerExport.State.WAITING) | Q(state=LedgerExport.State.BUILDING, claimed_by=claim)
    stalled = Q(state=LedgerExport.State.BUILDING, started_at__lt=now - STALLED_AFTER)
    claimed = (
        _of(organisation_id)
        .filter(mine | stalled, pk=export_id)
        .update(state=LedgerExport.State.BUILDING, claimed_by=claim, started_at=now, entries=0)
    )
    return _of(organisation_id).get(pk=export_id) if claimed else None


def _make(export: LedgerExport) -> set[UUID]:
    """Write the file; returns the residents it may name."""
    reader = _requester(export)
    try:
        scope = scope_of(reader)
        policy.require(reader, CompliancePermission.EXPORT_LEDGER, at=ANYWHERE)
        filters = read(QueryDict(export.filters.removeprefix("?")))
        search = Search(scope, filters, now=export.created_at, alert=alert_of(reader, filters))
    except (NotPermitted, UnknownAlert) as error:
        raise LedgerExportFailed("The person who asked for it may no longer export the log.") from error
    limit, residents = exports.LIMITS[LedgerExport.Format(export.format)], set[UUID]()
    entries = islice(search.entries(), limit + 1)
    head = _head(export, reader, filters)
    export.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = export.path.with_suffix(".part")
    try:
        os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        chosen = _lines(export, reader, entries, limit, residents)
        if export.format == LedgerExport.Format.PROOF:
            _prove(export, half, chosen)
        else:
            exports.write(export.format, half, head, chosen)
        half.replace(export.path)
    finally:
        half.unlink(missing_ok=True)
    return residents


def _prove(export: LedgerExport, path: Path, chosen: Iterator[Line]) -> None:
    """Each entry as it was sealed, with its proof, the signed checkpoint and the program that checks them.

    Of all other entries only hashes; details encrypted, so that their commitments can be checked and nothing be read.
    """
    numbers = [line.number for line in chosen if line.number is not None]
    try:
        audit.services.keep_checkpoint(export.organisation_id, actor="system:ledger_export")
        with path.open("wb") as file:
            write_extract(export.organisation_id, Selection(seqs=numbers), to=file, with_details=True)
    except LedgerError as error:
        raise LedgerExportFailed(
            "The audit log could not be proved. Look at how it is checked, then try again."
        ) from error


def _lines(
    export: LedgerExport, reader: Actor, entries: Iterator[Event], limit: int, residents: set[UUID]
) -> Iterator[Line]:
    """Some hundred at a time: their names together, then on the way to the file; the row tells how far it is."""
    written = 0
    while some := list(islice(entries, _AT_ONCE)):
        export.complete = written + len(some) <= limit
        some = some[: limit - written]
        residents.update(resident for entry in some for resident in entry.residents)
        yield from lines(reader, some)
        written += len(some)
        export.entries = written
        _of(export.organisation_id).filter(pk=export.pk).update(entries=written)


def _requester(export: LedgerExport) -> Actor:
    staff = Staff.objects.filter(
        organisation_id=export.organisation_id, pk=export.requested_by.removeprefix("staff:")
    ).first()
    if staff is None:
        raise LedgerExportFailed("The person who asked for it is no longer on record.")
    return Actor.of(staff)


def _head(export: LedgerExport, reader: Actor, filters: Filters) -> exports.Head:
    organisation = access_queries.organisation(export.organisation_id)
    who = access_queries.staff_names(export.organisation_id, {export.requested_by}).get(export.requested_by, "")
    asked = timezone.localtime(export.created_at)
    limit = exports.LIMITS[LedgerExport.Format(export.format)]
    return exports.Head(
        title=f"Audit log of {organisation.name}",
        notes=(
            f"Chosen: {in_words(reader, filters)}",
            f"Asked for by {who}, {asked:%d %B %Y at %H:%M}. Why: {export.reason}",
            f"Newest first. This kind of file holds at most {limit:,} entries. Names are those on record on that day.",
        ),
    )


@transaction.atomic
def _finish(actor: Actor, export: LedgerExport, residents: set[UUID]) -> None:
    now = timezone.now()
    export.state, export.size, export.sha256 = (
        LedgerExport.State.READY,
        export.path.stat().st_size,
        _digest(export.path),
    )
    export.finished_at, export.expires_at = now, now + KEPT_FOR
    export.save(update_fields=["state", "size", "sha256", "finished_at", "expires_at", "entries", "complete"])
    detail = {
        "sha256": export.sha256,
        "entries": export.entries,
        "format": export.format,
        "filters": export.filters,
        "for": export.requested_by,
    }
    # By who asked: a resident who reads who looked must find the person, not the worker that wrote the file.
    _append(_requester(export), ComplianceEvent.LEDGER_EXPORTED, export, detail, residents=residents)


@transaction.atomic
def _fail(actor: Actor, export: LedgerExport, reason: str) -> None:
    export.state, export.failure, export.finished_at = LedgerExport.State.FAILED, reason, timezone.now()
    export.save(update_fields=["state", "failure", "finished_at"])
    _append(actor, ComplianceEvent.LEDGER_EXPORT_FAILED, export, {"reason": reason})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of(organisation_id: UUID) -> QuerySet[LedgerExport]:
    rows: QuerySet[LedgerExport] = LedgerExport.objects.filter(organisation_id=organisation_id)
    return rows


def _append(
    actor: Actor,
    action: ComplianceEvent,
    export: LedgerExport,
    detail: dict[str, object],
    residents: set[UUID] | None = None,
) -> None:
    audit.services.append(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=action,
        subject=export.ref,
        detail=detail,
        residents=residents or (),
    )
