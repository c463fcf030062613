"""Reading alerts, and the views that the rules look at."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

import audit.queries
from access.actors import Actor
from access.policies import ANYWHERE
from audit.models import Event, EventKind
from compliance.anomalies.rules import Opened
from compliance.models import Alert
from compliance.policies import CompliancePermission, policy


def alerts(actor: Actor) -> QuerySet[Alert]:
    """The alerts of the homes the actor answers for, newest first. Raises NotPermitted."""
    policy.require(actor, CompliancePermission.READ_ALERT, at=ANYWHERE)
    homes = actor.homes_permitting(CompliancePermission.READ_ALERT)
    rows: QuerySet[Alert] = (
        Alert.objects.filter(organisation_id=actor.organisation_id)
        .filter(Q(care_home_id__in=homes) | Q(care_home_id__isnull=True))
        .select_related("care_home")
        .order_by("-raised_at")
    )
    return rows


def open_alerts(actor: Actor) -> list[Alert]:
    """Those that wait for a review; none for somebody who may not see any."""
    if not policy.allows(actor, CompliancePermission.READ_ALERT, at=ANYWHERE):
        return []
    return list(alerts(actor).filter(state=Alert.State.OPEN))


def open_alert_count(actor: Actor) -> int:
    """How many wait for a review, for the frame of every page; 0 for somebody who may not see any."""
    if not policy.allows(actor, CompliancePermission.READ_ALERT, at=ANYWHERE):
        return 0
    return alerts(actor).filter(state=Alert.State.OPEN).count()


def opened(
    organisation_id: UUID, since: datetime, until: datetime, actor: str | None = None
) -> list[tuple[Opened, UUID | None]]:
    """Each time a person opened one resident's record in [since, until], with the care home it lies in.

    Lists of residents are not among them: a list is how people find the one they care for.
    """
    whose = {"residents__len": 1, "actor__startswith": "staff:"} | ({"actor": actor} if actor is not None else {})
    sealed = Event.objects.filter(
        organisation_id=organisation_id, at__gte=since, at__lte=until, kind=EventKind.VIEW, **whose
    ).values_list("actor", "residents", "at", "care_home_id")
    unsealed = (
        audit.queries.open_views(organisation_id)
        .filter(opened_at__gte=since, opened_at__lte=until, **whose)
        .values_list("actor", "residents", "opened_at", "care_home_id")
    )
    # Open ones are read first: one sealed between the two reads then comes twice, which changes nothing, not never.
    rows = sorted([*unsealed, *sealed], key=lambda row: row[2])
    return [(Opened(who, residents[0], at), home) for who, residents, at, home in rows]
