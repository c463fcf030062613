"""Asking for an evidence pack, making it, giving it out, removing it."""

import hashlib
import os
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

import audit.services
from access import queries as access_queries
from access.actors import Actor
from access.models import Organisation
from access.policies import ANYWHERE
from audit.errors import AnchorFailed, LedgerUnavailable, SigningKeyMissing
from audit.signing import signer
from compliance.dspt import edition
from compliance.dspt.edition import Edition
from compliance.errors import PackBuildFailed, PackInProgress, PackNotReady, ReasonMissing
from compliance.events import ComplianceEvent
from compliance.models import Pack
from compliance.packs import queries
from compliance.packs.build import GATHER, STEPS, build
from compliance.policies import CompliancePermission, policy

KEPT_FOR = timedelta(days=30)
STALLED_AFTER = timedelta(minutes=10)
LATE_AFTER = timedelta(seconds=30)  # a task normally starts within a second


@transaction.atomic
def request_pack(*, actor: Actor, edition: Edition, reason: str) -> Pack:
    """Ask for an evidence pack; a task makes it. The caller has asked the person's password again.

    Raises NotPermitted, ReasonMissing, PackInProgress. Appends compliance.pack.requested.
    """
    policy.require(actor, CompliancePermission.EXPORT_PACK, at=ANYWHERE)
    if not reason.strip():
        raise ReasonMissing
    Organisation.objects.select_for_update().get(pk=actor.organisation_id)  # two requests at once: one of them waits
    unfinished = _of(actor.organisation_id).filter(state__in=[Pack.State.WAITING, Pack.State.BUILDING]).first()
    if unfinished is not None:
        raise PackInProgress(unfinished.pk)
    pack: Pack = Pack.objects.create(
        organisation_id=actor.organisation_id,
        edition=edition.key,
        requested_by=actor.ref,
        reason=reason.strip(),
        steps_total=len(STEPS),
    )
    _append(actor, ComplianceEvent.PACK_REQUESTED, pack, {"edition": edition.key, "reason": pack.reason})
    return pack


def build_pack(*, actor: Actor, pack_id: UUID, claim: str) -> Pack | None:
    """Make a pack that waits, keeping its row up to date for those who look. None when another task makes it.

    claim: the task's own id. The same claim may come again (a retry, a message delivered twice): it starts anew and
    overwrites. Raises NotPermitted and whatever stopped it, after the row says why in plain words.
    Appends compliance.pack.built or compliance.pack.failed.
    """
    policy.require(actor, CompliancePermission.BUILD_PACK, at=ANYWHERE)
    pack = _claim(actor.organisation_id, pack_id, claim)
    if pack is None:
        return None
    try:
        data = _make(pack)
    except (PackBuildFailed, SigningKeyMissing, AnchorFailed, LedgerUnavailable, OSError) as error:
        _fail(actor, pack, _REASONS.get(type(error), str(error) if isinstance(error, PackBuildFailed) else _NO_ROOM))
        raise
    _finish(actor, pack, data)
    return pack


@transaction.atomic
def download_pack(*, actor: Actor, pack: Pack) -> bytes:
    """The bytes of a finished pack, exactly as they were made.

    Raises NotPermitted, PackNotReady. Appends compliance.pack.downloaded.
    """
    policy.require(actor, CompliancePermission.EXPORT_PACK, at=ANYWHERE)
    if not pack.ready:
        raise PackNotReady("The pack is not ready.")
    try:
        data = pack.path.read_bytes()
    except OSError as error:
        raise PackNotReady("The pack's file is no longer there. Make a new pack.") from error
    if hashlib.sha256(data).hexdigest() != pack.sha256:
        raise PackNotReady("The pack's file is not the one that was made. Make a new pack.")
    _append(actor, ComplianceEvent.PACK_DOWNLOADED, pack, {"sha256": pack.sha256})
    return data


def expire_packs(*, actor: Actor) -> int:
    """Remove the files whose time is over; returns how many. Raises NotPermitted. Appends compliance.pack.expired."""
    policy.require(actor, CompliancePermission.BUILD_PACK, at=ANYWHERE)
    over = _of(actor.organisation_id).filter(state=Pack.State.READY, expires_at__lte=timezone.now())
    for pack in over:
        with transaction.atomic():
            pack.path.unlink(missing_ok=True)
            pack.state = Pack.State.EXPIRED
            pack.save(update_fields=["state"])
            _append(actor, ComplianceEvent.PACK_EXPIRED, pack, {})
    return len(over)


def write_pack(*, actor: Actor, edition: Edition, requested_by: str) -> bytes:
    """The same pack for the command line, with no row. Raises as build_pack. Appends compliance.pack.written."""
    policy.require(actor, CompliancePermission.BUILD_PACK, at=ANYWHERE)
    contents = queries.contents(
        actor.organisation_id, edition, requested_by=requested_by, now=timezone.now().replace(microsecond=0)
    )
    data = build(contents, sign=signer().sign, step=lambda _name: None)
    audit.services.append(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=ComplianceEvent.PACK_WRITTEN,
        subject=f"organisation:{actor.organisation_id}",
        detail={"edition": edition.key, "sha256": hashlib.sha256(data).hexdigest()},
    )
    return data


def waiting_packs(organisation_id: UUID) -> list[UUID]:
    """Packs whose task never came or never came back: to be enqueued again."""
    late = timezone.now() - STALLED_AFTER
    waiting = Q(state=Pack.State.WAITING, created_at__lt=timezone.now() - LATE_AFTER)
    stalled = Q(state=Pack.State.BUILDING, started_at__lt=late)
    return list(_of(organisation_id).filter(waiting | stalled).values_list("pk", flat=True))


_NO_ROOM = "The file could not be written on the server. Tell the person who runs the system."
_NO_LEDGER = "The audit log could not be signed, and a pack without its proof is not made. Try again later."
_REASONS: dict[type[Exception], str] = {
    SigningKeyMissing: "The signing key cannot be read on the server. Tell the person who runs the system.",
    AnchorFailed: _NO_LEDGER,
    LedgerUnavailable: _NO_LEDGER,
}


def _claim(organisation_id: UUID, pack_id: UUID, claim: str) -> Pack | None:
    now = timezone.now()
    mine = Q(state=Pack.State.WAITING) | Q(state=Pack.State.BUILDING, claimed_by=claim)
    stalled = Q(state=Pack.State.BUILDING, started_at__lt=now - STALLED_AFTER)
    claimed = (
        _of(organisation_id)
        .filter(mine | stalled, pk=pack_id)
        .update(state=Pack.State.BUILDING, claimed_by=claim, started_at=now, steps_done=0, step=GATHER)
    )
    return _of(organisation_id).get(pk=pack_id) if claimed else None


def _make(pack: Pack) -> bytes:
    def step(name: str) -> None:
        _of(pack.organisation_id).filter(pk=pack.pk).update(step=name, steps_done=STEPS.index(name))

    step(GATHER)
    names = access_queries.staff_names(pack.organisation_id, {pack.requested_by})
    contents = queries.contents(
        pack.organisation_id,
        edition.published(pack.edition),
        requested_by=names.get(pack.requested_by, pack.requested_by),
        now=timezone.now().replace(microsecond=0),
    )
    data = build(contents, sign=signer().sign, step=step)
    _write(pack.path, data)
    return data


def _write(path: Path, data: bytes) -> None:
    """All or nothing, and readable by this account only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    try:
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


@transaction.atomic
def _finish(actor: Actor, pack: Pack, data: bytes) -> None:
    now = timezone.now()
    pack.state, pack.step, pack.steps_done = Pack.State.READY, "", pack.steps_total
    pack.size, pack.sha256 = len(data), hashlib.sha256(data).hexdigest()
    pack.finished_at, pack.expires_at = now, now + KEPT_FOR
    pack.save(update_fields=["state", "step", "steps_done", "size", "sha256", "finished_at", "expires_at"])
    _append(actor, ComplianceEvent.PACK_BUILT, pack, {"sha256": pack.sha256, "size": pack.size})


@transaction.atomic
def _fail(actor: Actor, pack: Pack, reason: str) -> None:
    pack.state, pack.step, pack.failure, pack.finished_at = Pack.State.FAILED, "", reason, timezone.now()
    pack.save(update_fields=["state", "step", "failure", "finished_at"])
    _append(actor, ComplianceEvent.PACK_FAILED, pack, {"reason": reason})


def _of(organisation_id: UUID) -> QuerySet[Pack]:
    rows: QuerySet[Pack] = Pack.objects.filter(organisation_id=organisation_id)
    return rows


def _append(actor: Actor, action: ComplianceEvent, pack: Pack, detail: dict[str, object]) -> None:
    audit.services.append(
        organisation_id=actor.organisation_id, actor=actor.ref, action=action, subject=pack.ref, detail=detail
    )
