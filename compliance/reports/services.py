"""Making a report into a file, and reviewing a month's privileged activity."""

import hashlib
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

import audit.services
from access import queries as access_queries
from access.actors import Actor
from access.policies import ANYWHERE
from compliance.errors import MonthNotOver, NothingToReview
from compliance.events import ComplianceEvent
from compliance.models import PrivilegedReview
from compliance.policies import CompliancePermission, policy
from compliance.reports import privileged
from compliance.reports.catalogue import Kind
from compliance.reports.entries import Scope
from compliance.reports.files import Format, as_file
from compliance.reports.queries import about
from compliance.reports.spans import Span, midnight, month_after
from compliance.reports.tables import Report


@dataclass(frozen=True, slots=True)
class File:
    """A report's file, ready to be sent."""

    name: str
    data: bytes


@transaction.atomic
def export_report(*, actor: Actor, kind: Kind, span: Span, form: Format) -> File:
    """A report of the homes where the actor may export, as a file. The entry is sealed before anything is sent.

    Raises NotPermitted. Appends compliance.report.exported.
    """
    policy.require(actor, CompliancePermission.EXPORT_REPORT, at=ANYWHERE)
    now = timezone.now()
    scope = Scope.of(actor, CompliancePermission.EXPORT_REPORT)
    report = kind.make(scope, span, full=True, now=now)
    name = actor.staff.display_name if actor.staff else "the system"
    data = as_file(form, about(scope, kind, span, made_by=name, now=now.replace(microsecond=0)), report)
    code = access_queries.organisation(actor.organisation_id).code
    audit.services.append(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=ComplianceEvent.REPORT_EXPORTED,
        subject=f"organisation:{actor.organisation_id}",
        detail=_told(kind, span, report) | {"format": form.value, "sha256": hashlib.sha256(data).hexdigest()},
    )
    return File(f"{code}-{kind.name}-{span.first.isoformat()}-{span.last.isoformat()}.{form.value}", data)


def _told(kind: Kind, span: Span, report: Report) -> dict[str, object]:
    return {
        "report": kind.name,
        "first_day": span.first.isoformat(),
        "last_day": span.last.isoformat(),
        "rows": report.row_count,
    }


@transaction.atomic
def review_month(*, actor: Actor, month: date, remark: str = "") -> PrivilegedReview:
    """Say that one has looked at a month's privileged activity, in the homes where one may.

    month: its first day. One's own acts stay open until somebody else has looked at them.
    Raises NotPermitted, MonthNotOver, NothingToReview. Appends compliance.privileged_activity.reviewed.
    """
    policy.require(actor, CompliancePermission.REVIEW_PRIVILEGED, at=ANYWHERE)
    now = timezone.now()
    if now < midnight(month_after(month)):
        raise MonthNotOver(month)
    _take_turns(actor.organisation_id, month)
    scope = Scope.of(actor, CompliancePermission.REVIEW_PRIVILEGED)
    acts = privileged.acts(scope, midnight(month), midnight(month_after(month)))
    if all(entry.actor == actor.ref for entry in acts):
        raise NothingToReview(month)
    row: PrivilegedReview = PrivilegedReview.objects.create(
        organisation_id=actor.organisation_id,
        month=month,
        care_homes=sorted(scope.homes),
        acts=len(acts),
        remark=remark.strip(),
        reviewed_by=actor.ref,
        reviewed_at=now,
    )
    audit.services.append(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=ComplianceEvent.PRIVILEGED_REVIEWED,
        subject=row.ref,
        detail={"month": f"{month:%Y-%m}", "acts": row.acts, "homes": [str(home) for home in row.care_homes]},
    )
    return row


def _take_turns(organisation_id: UUID, month: date) -> None:
    """Two people who review one month at once write one after the other, so that the history has one order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"privileged/{organisation_id}/{month}"]
        )
