"""What others may read of the ledger. Every function needs the organisation to be open (access.tenancy)."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from audit.chain import ChainHead
from audit.models import Checkpoint, Event, Head, OpenView, Verification

_PAGE = 20_000


def chain_head(organisation_id: UUID) -> ChainHead:
    """The organisation's last sealed entry; seq 0 before the first."""
    head = Head.objects.filter(organisation_id=organisation_id).first()
    return ChainHead(head.seq, bytes(head.digest)) if head else ChainHead()


def latest_checkpoint(organisation_id: UUID) -> Checkpoint | None:
    return Checkpoint.objects.filter(organisation_id=organisation_id).order_by("-size").first()


def checkpoints(organisation_id: UUID) -> QuerySet[Checkpoint]:
    """All of them, oldest first."""
    return Checkpoint.objects.filter(organisation_id=organisation_id).order_by("size")


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
    return Verification.objects.filter(organisation_id=organisation_id).order_by("-finished_at").first()


def verifications(organisation_id: UUID, since: datetime, until: datetime) -> QuerySet[Verification]:
    """Those that finished in [since, until), newest first."""
    return Verification.objects.filter(
        organisation_id=organisation_id, finished_at__gte=since, finished_at__lt=until
    ).order_by("-finished_at")


def verified_head(organisation_id: UUID) -> ChainHead:
    """Where the latest good verification ended; the beginning if the latest one found something wrong."""
    latest = latest_verification(organisation_id)
    if latest is None or not latest.ok:
        return ChainHead()
    return ChainHead(latest.head_seq, bytes(latest.head_digest))


def events_by(organisation_id: UUID, actor: str) -> QuerySet[Event]:
    """What one person did, newest first."""
    return Event.objects.filter(organisation_id=organisation_id, actor=actor).order_by("-at")


def open_views(organisation_id: UUID) -> QuerySet[OpenView]:
    """Views that are not sealed yet, for they may be repeated within their minute; newest first."""
    return OpenView.objects.filter(organisation_id=organisation_id).order_by("-opened_at")
