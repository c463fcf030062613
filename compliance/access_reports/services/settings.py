"""How an organisation names its staff on what leaves the house."""

from django.db import transaction

import audit.services
from access.actors import Actor
from access.policies import ANYWHERE
from compliance.events import ComplianceEvent
from compliance.models import AccessReportSetting
from compliance.policies import CompliancePermission, policy


@transaction.atomic
def choose_names(*, actor: Actor, names: str) -> AccessReportSetting:
    """Choose how staff are named on shared reports and letters. Raises NotPermitted.

    Appends compliance.access_report.names_chosen.
    """
    policy.require(actor, CompliancePermission.SHARE_ACCESS_REPORT, at=ANYWHERE)
    setting: AccessReportSetting
    setting, _made = AccessReportSetting.objects.update_or_create(
        organisation_id=actor.organisation_id, defaults={"names": AccessReportSetting.Names(names)}
    )
    audit.services.append(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=ComplianceEvent.ACCESS_REPORT_NAMES_CHOSEN,
        subject=setting.ref,
        detail={"names": setting.names},
    )
    return setting
