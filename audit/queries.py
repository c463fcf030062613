"""What others may read of the ledger. Every function needs the organisation to be open (access.tenancy)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from audit.anchors import Destination, destinations
from audit.chain import ChainHead
from audit.models import AnchorReceipt, Checkpoint, Event, Head, OpenView, Seal, Verification

_PAGE = 20_000
THE_FILE = "file"  # the name under which failures of the anchor that is always on are kept
SILENT_AFTER = timedelta(minutes=15)
NEWS_AT_MOST = 50  # entries; then a checkpoint is due
_CLOCKS_DIFFER = timedelta(minutes=1)
_LOOKED_AT = 1_000  # a flood of forged rows hides nothing: without one that is believed, nothing was verified

_DUE = """
WITH signed AS (
    SELECT coalesce(max(c.size), 0) AS size FROM audit_checkpoint c
      JOIN audit_head h ON h.organisation_id = c.organisation_id AND c.size <= h.seq
     WHERE c.organisation_id = %s
)
SELECT coalesce((
    SELECT h.seq - signed.size >= %s OR EXISTS (
        SELECT 1 FROM audit_seal s
          JOIN audit_event e ON e.organisation_id = s.organisation_id AND e.id = s.event_id AND e.at = s.at
         WHERE s.organisation_id = h.organisation_id AND s.seq > signed.size AND e.action = ANY(%s))
      FROM audit_head h, signed WHERE h.organisation_id = %s), false)
"""


def chain_head(organisation_id: UUID) -> ChainHead:
    """The organisation's last sealed entry; seq 0 before the first."""
    head = Head.objects.filter(organisation_id=organisation_id).first()
    return ChainHead(head.seq, bytes(head.digest)) if head else ChainHead()


def latest_checkpoint(organisation_id: UUID) -> Checkpoint | None:
    return Checkpoint.objects.filter(organisation_id=organisation_id).order_by("-size").first()


def checkpoints(organisation_id: UUID) -> QuerySet[Checkpoint]:
    """All of them, oldest first."""
    return Checkpoint.objects.filter(organisation_id=organisation_id).order_by("size")


def stored_checkpoint(organisation_id: UUID) -> Checkpoint | None:
    """The newest row that the chain is long enough for. Its signature is not checked: `audit.checkpoints.newest`."""
    rows = checkpoints(organisation_id).filter(size__lte=chain_head(organisation_id).seq)
    return rows.order_by("-size").first()


def checkpoint_due(organisation_id: UUID) -> bool:
    """Whether news is too much to wait for the next half minute: 50 entries, or one act that must not wait."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [organisation_id, NEWS_AT_MOST, list(settings.AUDIT_URGENT_ACTIONS), organisation_id])
        return bool(cursor.fetchone()[0])


def leaves(organisation_id: UUID, *, after: int, until: int) -> Iterator[bytes]:
    """The leaf hashes of entries after+1 … until, in order, a page at a time."""
    while after < until:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT seq, leaf FROM audit_seal WHERE organisation_id = %s AND seq > %s AND seq <= %s"
                " ORDER BY seq LIMIT %s",
                [organisation_id, after, until, _PAGE],
            )
            rows = cursor.fetchall()
        if not rows:
            return
        after = rows[-1][0]
        yield from (bytes(row[1]) for row in rows)


def latest_verification(organisation_id: UUID) -> Verification | None:
    """The newest that the application itself recorded; one from the future (a clock was set back) tells nothing yet."""
    rows = Verification.objects.filter(
        organisation_id=organisation_id, finished_at__lte=timezone.now() + _CLOCKS_DIFFER
    ).order_by("-finished_at")
    return newest_genuine(rows)


def newest_genuine(rows: QuerySet[Verification]) -> Verification | None:
    """The first of these that the application itself recorded. One query, where nobody forged any."""
    parts = (rows[:1], rows[1:_LOOKED_AT])
    return next((row for part in parts for row in part if row.genuine), None)


def verifications(organisation_id: UUID, since: datetime, until: datetime) -> QuerySet[Verification]:
    """Those that finished in [since, until), newest first."""
    return Verification.objects.filter(
        organisation_id=organisation_id, finished_at__gte=since, finished_at__lt=until
    ).order_by("-finished_at")


def verified_head(organisation_id: UUID) -> ChainHead | None:
    """Where the latest good verification ended; None, for the beginning, if the latest one found something wrong."""
    latest = latest_verification(organisation_id)
    if latest is None or not latest.ok:
        return None
    return ChainHead(latest.head_seq, bytes(latest.head_digest))


def events_by(organisation_id: UUID, actor: str) -> QuerySet[Event]:
    """What one person did, newest first."""
    return Event.objects.filter(organisation_id=organisation_id, actor=actor).order_by("-at")


def open_views(organisation_id: UUID) -> QuerySet[OpenView]:
    """Views that are not sealed yet, for they may be repeated within their minute; newest first."""
    return OpenView.objects.filter(organisation_id=organisation_id).order_by("-opened_at")


@dataclass(frozen=True, slots=True)
class AnchorHealth:
    """taken_at: when it last took a checkpoint; error: class of the last failure; silent: news waits too long."""

    destination: str
    taken_at: datetime | None
    failing_since: datetime | None
    error: str
    silent: bool

    @property
    def ok(self) -> bool:
        return self.failing_since is None and not self.silent


def anchor_health(organisation_id: UUID, *, now: datetime | None = None) -> list[AnchorHealth]:
    """How each anchor fares, the file that is always on first. Raises AnchorUnknown."""
    at = now or timezone.now()
    return [_health_of_file(organisation_id, at), *(_health(organisation_id, each, at) for each in destinations())]


def latest_receipt(organisation_id: UUID, destination: str) -> AnchorReceipt | None:
    receipts = AnchorReceipt.objects.filter(organisation_id=organisation_id, destination=destination)
    return receipts.order_by("-id").first()


def _health_of_file(organisation_id: UUID, now: datetime) -> AnchorHealth:
    checkpoint, failed = stored_checkpoint(organisation_id), latest_receipt(organisation_id, THE_FILE)
    size = checkpoint.size if checkpoint else 0
    if failed is not None and failed.size < size:
        failed = None  # it has taken one since
    waits_since = _written_at(organisation_id, size + 1)
    return AnchorHealth(
        destination=THE_FILE,
        taken_at=checkpoint.signed_at if checkpoint else None,
        failing_since=failed.failing_since if failed else None,
        error=failed.error if failed else "",
        silent=waits_since is not None and now - waits_since > SILENT_AFTER,
    )


def _health(organisation_id: UUID, destination: Destination, now: datetime) -> AnchorHealth:
    receipt = latest_receipt(organisation_id, destination.name)
    taken = receipt.taken_size if receipt else 0
    waiting = checkpoints(organisation_id).filter(size__gt=taken).first()
    return AnchorHealth(
        destination=destination.name,
        taken_at=receipt.taken_at if receipt else None,
        failing_since=receipt.failing_since if receipt else None,
        error=receipt.error if receipt else "",
        silent=waiting is not None and now - waiting.signed_at > SILENT_AFTER + destination.every,
    )


def _written_at(organisation_id: UUID, seq: int) -> datetime | None:
    """By the database's clock, or the writer's in entries of version 1; None where there is no such entry."""
    seal = Seal.objects.filter(organisation_id=organisation_id, seq=seq).first()
    return (seal.sealed_at or seal.at) if seal else None
