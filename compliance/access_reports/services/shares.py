"""Giving somebody outside the home a link to one resident's access report, and taking it back."""

import hmac
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

import audit.services
from access import keys
from access.actors import Actor
from access.errors import KeyUnavailable
from access.ids import uuid7
from access.tenancy import current_organisation_id
from audit.models import EventKind
from compliance.access_reports import links
from compliance.access_reports.text import one_line, optional
from compliance.access_reports.visitors import Visitor
from compliance.errors import (
    AlreadyWithdrawn,
    ExpiryOutOfRange,
    LinkBlocked,
    LinkExpired,
    LinkShownAlready,
    ReasonMissing,
    UnknownLink,
    WrongCode,
)
from compliance.events import ComplianceEvent
from compliance.models import AccessReportShare
from compliance.policies import CompliancePermission, policy
from records.models import Resident

CODE_TRIES = 5
DEFAULT_EXPIRY, LONGEST_EXPIRY = timedelta(days=14), timedelta(days=90)


@transaction.atomic
def share_report(
    *,
    actor: Actor,
    resident: Resident,
    receiver: str,
    relation: str,
    basis: str,
    basis_note: str | None = None,
    since: datetime | None = None,
    runs_for: timedelta = DEFAULT_EXPIRY,
    follows: AccessReportShare | None = None,
    share_id: UUID | None = None,
) -> tuple[AccessReportShare, str, str]:
    """A link for one person: the share, the link's secret and the code, both given here once and kept nowhere.

    since: aware; where the report begins, None for the whole record's time. follows: the same person's earlier link.
    share_id: made by the form, so that a form sent twice makes one link.
    Raises NotPermitted, BadText, ReasonMissing, ExpiryOutOfRange, LinkShownAlready.
    Appends compliance.access_report.shared, without the names.
    """
    policy.require(actor, CompliancePermission.SHARE_ACCESS_REPORT, at=resident.care_home_id)
    basis, note = AccessReportShare.Basis(basis), optional(basis_note, longest=500)
    if basis == AccessReportShare.Basis.OTHER and note is None:
        raise ReasonMissing
    if not timedelta(days=1) <= runs_for <= LONGEST_EXPIRY:
        raise ExpiryOutOfRange
    share_id = share_id or uuid7()
    if AccessReportShare.objects.filter(organisation_id=actor.organisation_id, pk=share_id).exists():
        raise LinkShownAlready
    now, key = timezone.now(), keys.index_key(actor.organisation_id)
    token, code = links.new_token(), links.new_code()
    share: AccessReportShare = AccessReportShare.objects.create(
        id=share_id,
        organisation_id=actor.organisation_id,
        care_home_id=resident.care_home_id,
        resident=resident,
        receiver=one_line(receiver),
        relation=one_line(relation),
        basis=basis,
        basis_note=note,
        since=since,
        made_by=actor.ref,
        made_at=now,
        expires_at=now + runs_for,
        link_digest=links.link_digest(key, token),
        code_digest=links.code_digest(key, share_id, code),
        follows=follows if follows is not None and follows.resident_id == resident.pk else None,
    )
    _append(actor.ref, ComplianceEvent.ACCESS_REPORT_SHARED, share, basis=share.basis, until=share.expires_at)
    return share, token, code


@transaction.atomic
def withdraw_share(*, actor: Actor, share: AccessReportShare) -> None:
    """The link opens nothing from now on. Raises NotPermitted, AlreadyWithdrawn.

    Appends compliance.access_report.withdrawn.
    """
    policy.require(actor, CompliancePermission.SHARE_ACCESS_REPORT, at=share.care_home_id)
    changed = AccessReportShare.objects.filter(
        organisation_id=actor.organisation_id, pk=share.pk, withdrawn_at__isnull=True
    ).update(withdrawn_at=timezone.now(), withdrawn_by=actor.ref)
    if not changed:
        raise AlreadyWithdrawn
    _append(actor.ref, ComplianceEvent.ACCESS_REPORT_WITHDRAWN, share)


def find_share(token: str) -> AccessReportShare:
    """The link of the organisation that is open, also one whose time is over: only its code may tell that.

    Raises UnknownLink for a link that is unknown, withdrawn or blocked, or whose resident was erased.
    """
    organisation_id = current_organisation_id()
    if not links.is_token(token):
        raise UnknownLink
    digest = links.link_digest(keys.index_key(organisation_id), token)
    share: AccessReportShare | None = AccessReportShare.objects.filter(
        organisation_id=organisation_id, link_digest=digest
    ).first()
    if share is None or share.closed() or _receiver(share) is None or _resident_of(share) is None:
        raise UnknownLink
    return share


def _resident_of(share: AccessReportShare) -> Resident | None:
    """None once the record was erased: the key may live on in another process for some minutes."""
    resident: Resident | None = Resident.objects.filter(
        organisation_id=share.organisation_id, pk=share.resident_id, erased_at__isnull=True
    ).first()
    return resident


def check_code(*, share: AccessReportShare, code: str) -> None:
    """Hold what a visitor typed against the link's code. Counted first and sealed whatever comes of it.

    Raises WrongCode, LinkBlocked (at the fifth wrong code, and ever after), LinkExpired (the code was right).
    Call it outside any transaction that its errors would roll back: the count must stay.
    Appends compliance.access_report.code_refused or compliance.access_report.link_blocked.
    """
    digest = links.code_digest(keys.index_key(share.organisation_id), share.pk, links.typed(code))
    right = hmac.compare_digest(digest, bytes(share.code_digest))
    if right and share.ended(timezone.now()):
        raise LinkExpired(share)
    if not _count_try(share, right=right):
        share.refresh_from_db(fields=["blocked_at"])
        raise LinkBlocked if share.blocked_at else WrongCode


@transaction.atomic
def _count_try(share: AccessReportShare, *, right: bool) -> bool:
    """Whether the link opens. One statement decides, so that tries at the same moment are all counted."""
    now = timezone.now()
    rows = AccessReportShare.objects.filter(
        organisation_id=share.organisation_id, pk=share.pk, wrong_codes__lt=CODE_TRIES, blocked_at__isnull=True
    )
    if right:
        opened: int = rows.update(wrong_codes=0, last_opened_at=now)
        if opened:
            _append(share.ref, ComplianceEvent.ACCESS_REPORT_OPENED, share, way="code")
        return bool(opened)
    if rows.update(wrong_codes=F("wrong_codes") + 1):
        _append(share.ref, ComplianceEvent.ACCESS_REPORT_CODE_REFUSED, share, kind=EventKind.REFUSAL)
    if AccessReportShare.objects.filter(
        organisation_id=share.organisation_id, pk=share.pk, wrong_codes__gte=CODE_TRIES, blocked_at__isnull=True
    ).update(blocked_at=now):
        _append(share.ref, ComplianceEvent.ACCESS_REPORT_LINK_BLOCKED, share)
    return False


def visitor_of(share: AccessReportShare) -> Visitor:
    """The visitor whose code was right, as long as the link opens. Raises UnknownLink, LinkExpired."""
    receiver = _receiver(share)
    if share.closed() or receiver is None:
        raise UnknownLink
    if share.ended(timezone.now()):
        raise LinkExpired(share)
    resident = _resident_of(share)
    if resident is None:
        raise UnknownLink
    return Visitor(share, resident, receiver)


def note_opened(visitor: Visitor, *, page: str) -> None:
    """Seal that the visitor saw a page of the report. Raises LedgerUnavailable: the page is then not shown."""
    audit.services.note_view(
        organisation_id=visitor.organisation_id,
        actor=visitor.ref,
        action=ComplianceEvent.ACCESS_REPORT_OPENED,
        subject=visitor.ref,
        page=page,
        residents=[visitor.resident.pk],
        care_home_id=visitor.share.care_home_id,
    )


def _receiver(share: AccessReportShare) -> str | None:
    """The receiver's name; None once the resident was erased and nothing about them opens."""
    try:
        return str(share.receiver)
    except KeyUnavailable:
        return None


def _append(
    by: str, action: ComplianceEvent, share: AccessReportShare, *, kind: str = EventKind.ACT, **detail: object
) -> None:
    audit.services.append(
        organisation_id=share.organisation_id,
        actor=by,
        action=action,
        subject=share.ref,
        detail=detail,
        residents=[share.resident_id],
        care_home_id=share.care_home_id,
        kind=kind,
    )
