"""Handing checkpoints to the anchors beside the file, and keeping how they fared (audit.queries.anchor_health tells).

A later checkpoint covers every earlier one, so only the newest is offered. A destination that fails is tried again
after half a minute, then one, two, four, at most fifteen minutes; each try leaves a receipt.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from audit import anchors, checkpoints, queries
from audit.anchors import Anchored, Destination
from audit.errors import AnchorFailed
from audit.models import AnchorReceipt, Checkpoint

log = structlog.get_logger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)


def deliver(organisation_id: UUID, *, now: datetime | None = None) -> list[AnchorReceipt]:
    """Offer the newest checkpoint to every destination that has not taken it and whose time has come.

    Returns the receipts of this run. Raises AnchorUnknown. Never raises AnchorFailed: the receipts and the log tell.
    """
    checkpoint = checkpoints.newest(organisation_id)
    waiting = [
        (destination, receipt)
        for destination, receipt in _standing(organisation_id)
        if checkpoint is not None and _due(destination, receipt, checkpoint.size, now or timezone.now())
    ]
    if checkpoint is None or not waiting:
        return []
    with _alone(organisation_id) as alone:
        if not alone:
            return []
        return [_offer(_kept(checkpoint), destination, receipt) for destination, receipt in waiting]


def announce(kept: Anchored) -> list[AnchorReceipt]:
    """Offer a restore marker to every destination at once."""
    return [_offer(kept, destination, receipt) for destination, receipt in _standing(kept.organisation_id)]


def file_failed(organisation_id: UUID, error: Exception) -> AnchorReceipt:
    """Keep that the file did not take a checkpoint, or that it contradicts the ledger."""
    checkpoint = queries.stored_checkpoint(organisation_id)
    before = queries.latest_receipt(organisation_id, queries.THE_FILE)
    if before is not None and checkpoint is not None and before.size < checkpoint.size:
        before = None  # it has taken one since
    error_class = type(error).__name__
    if before is not None and before.error == error_class and _pausing(before, timezone.now()):
        return before
    return _failed(organisation_id, queries.THE_FILE, before, checkpoint.size if checkpoint else 0, error_class)


def _standing(organisation_id: UUID) -> list[tuple[Destination, AnchorReceipt | None]]:
    return [(found, queries.latest_receipt(organisation_id, found.name)) for found in anchors.destinations()]


def _due(destination: Destination, receipt: AnchorReceipt | None, size: int, now: datetime) -> bool:
    if receipt is None:
        return True
    if receipt.failures:
        return not _pausing(receipt, now)
    if receipt.taken_size >= size or receipt.taken_at is None:
        return receipt.taken_size < size
    return not timedelta(0) <= now - receipt.taken_at < destination.every


def _pausing(receipt: AnchorReceipt, now: datetime) -> bool:
    """Whether the last failure is too young for another try; a clock that was set back waits for nothing."""
    pause = min(_FIRST_PAUSE * 2 ** min(receipt.failures - 1, 10), _LONGEST_PAUSE)
    return timedelta(0) <= now - receipt.at < pause


def _kept(checkpoint: Checkpoint) -> Anchored:
    return Anchored(checkpoint.organisation_id, checkpoint.size, checkpoint.note, checkpoint.signed_at)


def _offer(kept: Anchored, destination: Destination, before: AnchorReceipt | None) -> AnchorReceipt:
    try:
        destination.take(kept)
    except AnchorFailed as error:
        cause = type(error.__cause__ or error).__name__
        return _failed(kept.organisation_id, destination.name, before, kept.size, cause)
    receipt: AnchorReceipt = AnchorReceipt.objects.create(
        organisation_id=kept.organisation_id,
        destination=destination.name,
        size=kept.size,
        taken_size=kept.size,
        taken_at=timezone.now(),
    )
    return receipt


def _failed(
    organisation_id: UUID, destination: str, before: AnchorReceipt | None, size: int, error: str
) -> AnchorReceipt:
    now = timezone.now()
    receipt: AnchorReceipt = AnchorReceipt.objects.create(
        organisation_id=organisation_id,
        destination=destination,
        at=now,
        size=size,
        taken_size=before.taken_size if before else 0,
        taken_at=before.taken_at if before else None,
        failures=(before.failures if before else 0) + 1,
        failing_since=(before.failing_since if before else None) or now,
        error=error[:80],
    )
    log.error(
        "anchor_failing",
        organisation=str(organisation_id),
        part=destination.partition(":")[0],
        attempt=receipt.failures,
        state=receipt.error,
    )
    return receipt


@contextmanager
def _alone(organisation_id: UUID) -> Iterator[bool]:
    """Whether no other process is delivering for this organisation: a mail is sent once."""
    path = settings.AUDIT_ANCHOR_DIR / f"{organisation_id}.delivering"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield True  # a folder that takes no file keeps no witness from hearing of it
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
