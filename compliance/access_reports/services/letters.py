"""Taking an access report out of the house on paper."""

from django.db import transaction

import audit.services
from access.actors import Actor
from compliance.access_reports import queries
from compliance.access_reports.queries import Report
from compliance.events import ComplianceEvent
from compliance.policies import CompliancePermission, policy
from records.models import Resident


@transaction.atomic
def print_report(*, actor: Actor, resident: Resident, period: str) -> Report:
    """The whole report for a letter, named as the organisation decided. Raises NotPermitted.

    Appends compliance.access_report.printed.
    """
    policy.require(actor, CompliancePermission.SHARE_ACCESS_REPORT, at=resident.care_home_id)
    report = queries.staff_report(actor, resident, period=period, whole=True)
    audit.services.append(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=ComplianceEvent.ACCESS_REPORT_PRINTED,
        subject=resident.ref,
        detail={"period": period, "days": len(report.days)},
        residents=[resident.pk],
        care_home_id=resident.care_home_id,
    )
    return report
