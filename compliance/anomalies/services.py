"""Looking for unusual access, raising alerts, reviewing them."""

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

import audit.services
from access.actors import Actor
from access.models import CareHome
from access.policies import ANYWHERE
from compliance.anomalies import queries
from compliance.anomalies.rules import BulkViewing, Burst, Opened, bursts
from compliance.errors import AlertAlreadyReviewed, OwnAlert, StatementMissing
from compliance.events import ComplianceEvent
from compliance.models import Alert, ScanMark
from compliance.policies import CompliancePermission, policy

RULE = BulkViewing()
LATENESS = timedelta(minutes=2)  # how long after its time a view may become visible: its transaction has to end
FIRST_LOOK = timedelta(hours=1)


@transaction.atomic
def scan_views(*, actor: Actor, now: datetime | None = None) -> list[Alert]:
    """Hold the views since the last scan against the rule; returns the alerts that are new.

    The scan overlaps the last one by the rule's window, so that a burst is seen whole wherever it falls, and a burst
    that goes on extends its open alert instead of raising another. Two scans of one organisation never run at once.
    Raises NotPermitted. Appends compliance.alert.raised, compliance.alert.continued.
    """
    policy.require(actor, CompliancePermission.RAISE_ALERT, at=ANYWHERE)
    until = now or timezone.now()
    mark = _mark(actor.organisation_id, until)
    seen = queries.opened(actor.organisation_id, mark.scanned_until - RULE.within - LATENESS, until)
    unexplained = _after_reviews(actor.organisation_id, [opened for opened, _ in seen])
    homes = _homes(seen)
    raised = [alert for burst in bursts(unexplained, RULE) if (alert := _record(actor, burst, homes)) is not None]
    mark.scanned_until = max(mark.scanned_until, until)
    mark.save(update_fields=["scanned_until"])
    return raised


@transaction.atomic
def review_alert(*, actor: Actor, alert: Alert, verdict: str, note: str) -> Alert:
    """Say what it was. A review is final, and nobody reviews their own access.

    Raises NotPermitted, OwnAlert, StatementMissing, AlertAlreadyReviewed. Appends compliance.alert.reviewed.
    """
    policy.require(actor, CompliancePermission.REVIEW_ALERT, at=alert.care_home_id or ANYWHERE)
    if alert.staff_ref == actor.ref:
        raise OwnAlert
    if not note.strip():
        raise StatementMissing
    fresh: Alert = Alert.objects.select_for_update().get(organisation_id=actor.organisation_id, pk=alert.pk)
    if not fresh.is_open:
        raise AlertAlreadyReviewed
    fresh.state, fresh.verdict, fresh.note = Alert.State.REVIEWED, Alert.Verdict(verdict), note.strip()
    fresh.reviewed_by, fresh.reviewed_at = actor.ref, timezone.now()
    fresh.save(update_fields=["state", "verdict", "note", "reviewed_by", "reviewed_at"])
    _append(actor, ComplianceEvent.ALERT_REVIEWED, fresh, {"verdict": fresh.verdict})
    return fresh


@transaction.atomic
def raise_unexplained(*, actor: Actor, staff_ref: str, care_home: CareHome, at: datetime) -> Alert:
    """An alert about one look for which a manager found no good reason; the one there is, if it was raised before.

    Raises NotPermitted. Appends compliance.alert.raised.
    """
    policy.require(actor, CompliancePermission.ANSWER_ACCESS_QUESTION, at=care_home.pk)
    alert: Alert
    alert, new = Alert.objects.get_or_create(
        organisation_id=actor.organisation_id,
        rule=Alert.Rule.UNEXPLAINED,
        staff_ref=staff_ref,
        first_at=at,
        defaults={
            "care_home": care_home,
            "last_at": at,
            "residents": 1,
            "explanation": f"Was in one resident's record at {timezone.localtime(at):%H:%M on} "
            f"{date_format(timezone.localtime(at), 'j F Y')}. The resident or somebody for them asked why, and the "
            "manager found no good reason.",
        },
    )
    if new:
        _append(actor, ComplianceEvent.ALERT_RAISED, alert, {"rule": alert.rule, "residents": 1})
    return alert


def _mark(organisation_id: UUID, now: datetime) -> ScanMark:
    """The organisation's mark, locked until the transaction ends."""
    marks = ScanMark.objects.select_for_update().filter(organisation_id=organisation_id, rule=Alert.Rule.BULK_VIEWING)
    mark: ScanMark | None = marks.first()
    if mark is None:
        ScanMark.objects.get_or_create(
            organisation_id=organisation_id, rule=Alert.Rule.BULK_VIEWING, defaults={"scanned_until": now - FIRST_LOOK}
        )
        mark = marks.get()
    return mark


def _after_reviews(organisation_id: UUID, seen: list[Opened]) -> list[Opened]:
    """Without the views that a reviewed alert already covers: a verdict is not asked for twice."""
    if not seen:
        return []
    covered: dict[str, datetime] = {}
    reviewed = Alert.objects.filter(
        organisation_id=organisation_id,
        rule=Alert.Rule.BULK_VIEWING,
        state=Alert.State.REVIEWED,
        last_at__gte=seen[0].at,
    )
    for alert in reviewed:
        covered[alert.staff_ref] = max(covered.get(alert.staff_ref, alert.last_at), alert.last_at)
    return [opened for opened in seen if opened.actor not in covered or opened.at > covered[opened.actor]]


def _homes(seen: list[tuple[Opened, UUID | None]]) -> dict[str, UUID | None]:
    """The care home in which each person opened most."""
    counted: dict[str, Counter[UUID | None]] = {}
    for opened, home in seen:
        counted.setdefault(opened.actor, Counter())[home] += 1
    return {actor: homes.most_common(1)[0][0] for actor, homes in counted.items()}


def _record(actor: Actor, burst: Burst, homes: dict[str, UUID | None]) -> Alert | None:
    """Extend the open alert that this burst belongs to, or raise one; None unless it is new."""
    going_on = Alert.objects.filter(
        organisation_id=actor.organisation_id,
        rule=Alert.Rule.BULK_VIEWING,
        staff_ref=burst.actor,
        state=Alert.State.OPEN,
        first_at__lte=burst.last_at,
        last_at__gte=burst.first_at - RULE.within,
    ).first()
    if going_on is not None:
        _extend(actor, going_on, burst)
        return None
    alert: Alert = Alert.objects.create(
        organisation_id=actor.organisation_id,
        rule=Alert.Rule.BULK_VIEWING,
        staff_ref=burst.actor,
        care_home_id=homes[burst.actor],
        first_at=burst.first_at,
        last_at=burst.last_at,
        residents=len(burst.residents),
        explanation=explain(len(burst.residents), burst.first_at, burst.last_at),
    )
    _append(actor, ComplianceEvent.ALERT_RAISED, alert, {"rule": alert.rule, "residents": alert.residents})
    return alert


def _extend(actor: Actor, alert: Alert, burst: Burst) -> None:
    if burst.last_at <= alert.last_at:
        return
    since = min(alert.first_at, burst.first_at)
    whole = queries.opened(actor.organisation_id, since, burst.last_at, actor=burst.actor)
    alert.first_at, alert.last_at = since, burst.last_at
    alert.residents = len({opened.resident for opened, _ in whole})
    alert.explanation = explain(alert.residents, alert.first_at, alert.last_at)
    alert.save(update_fields=["first_at", "last_at", "residents", "explanation"])
    _append(actor, ComplianceEvent.ALERT_CONTINUED, alert, {"residents": alert.residents})


def explain(residents: int, first_at: datetime, last_at: datetime) -> str:
    """What was seen and why it is told, in plain words and without a name."""
    begun, ended = timezone.localtime(first_at), timezone.localtime(last_at)
    times = f"at {begun:%H:%M}" if f"{begun:%H:%M}" == f"{ended:%H:%M}" else f"from {begun:%H:%M} to {ended:%H:%M}"
    minutes = max(1, round((last_at - first_at).total_seconds() / 60))
    limit, window = RULE.more_than, int(RULE.within.total_seconds() // 60)
    return (
        f"Opened the records of {residents} different residents in {minutes} minute{'' if minutes == 1 else 's'}, "
        f"{times} on {date_format(begun, 'j F Y')}. "
        f"More than {limit} in {window} minutes is unusual."
    )


def _append(actor: Actor, action: ComplianceEvent, alert: Alert, detail: dict[str, object]) -> None:
    audit.services.append(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=action,
        subject=alert.ref,
        detail=detail | {"staff": alert.staff_ref},
        care_home_id=alert.care_home_id,
    )
