"""Telling people when the ledger's checkpoints no longer reach a place where they are kept."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

import audit.queries
import audit.services
from access.actors import Actor
from access.policies import ANYWHERE
from audit.queries import THE_FILE, AnchorHealth
from compliance.events import ComplianceEvent
from compliance.models import Alert
from compliance.policies import CompliancePermission, policy

PATIENCE = timedelta(minutes=15)  # with a bucket or a mail server; the file fails only when something is wrong here
_AGAIN_AFTER = timedelta(days=1)
_WHO = "system:anchors"


@transaction.atomic
def watch_anchors(*, actor: Actor, now: datetime | None = None) -> Alert | None:
    """Raise an alert when an anchor fails or has gone silent; at most one waits for a review, and one a day.

    Raises NotPermitted. Appends compliance.alert.raised.
    """
    policy.require(actor, CompliancePermission.RAISE_ALERT, at=ANYWHERE)
    at = now or timezone.now()
    worst = next(
        (each for each in audit.queries.anchor_health(actor.organisation_id, now=at) if _alarming(each, at)), None
    )
    if worst is None or _told(actor, at):
        return None
    alert: Alert = Alert.objects.create(
        organisation_id=actor.organisation_id,
        rule=Alert.Rule.ANCHOR_FAILING,
        staff_ref=_WHO,
        first_at=min(worst.failing_since or worst.taken_at or at, at),
        last_at=at,
        residents=0,
        explanation=explain(worst),
        raised_at=at,
    )
    audit.services.append(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=ComplianceEvent.ALERT_RAISED,
        subject=alert.ref,
        detail={"rule": alert.rule, "destination": worst.destination, "error": worst.error},
    )
    return alert


def _alarming(health: AnchorHealth, now: datetime) -> bool:
    patience = timedelta(0) if health.destination == THE_FILE else PATIENCE
    return health.silent or (health.failing_since is not None and now - health.failing_since >= patience)


def _told(actor: Actor, now: datetime) -> bool:
    told = Alert.objects.filter(organisation_id=actor.organisation_id, rule=Alert.Rule.ANCHOR_FAILING)
    return told.filter(state=Alert.State.OPEN).exists() or told.filter(raised_at__gt=now - _AGAIN_AFTER).exists()


def explain(health: AnchorHealth) -> str:
    """What fails and what to do, in plain words."""
    since = health.failing_since or health.taken_at
    when = f" since {_moment(since)}" if since else " yet"
    error = f" ({health.error[:40]})" if health.error else ""
    return (
        f"Ledger anchor failing: {_place(health)[:120]} has taken no checkpoint{when}{error}. "
        "Ask whoever runs the system to put it right."
    )


def kept_at(anchors: Iterable[AnchorHealth], now: datetime) -> str:
    """Where checkpoints are kept, each place in a few words: `file, 20 seconds ago; mailbox failing since 12:03`."""
    return "; ".join(_few_words(each, now) for each in anchors)


def _few_words(health: AnchorHealth, now: datetime) -> str:
    if health.failing_since is not None:
        return f"{_place(health)} failing since {_moment(health.failing_since)}"
    if health.silent:
        return (
            f"{_place(health)} silent since {_moment(health.taken_at)}"
            if health.taken_at
            else f"{_place(health)} silent"
        )
    return f"{_place(health)}, {_ago(now - health.taken_at)}" if health.taken_at else f"{_place(health)}, nothing yet"


def _place(health: AnchorHealth) -> str:
    kind, _, rest = health.destination.partition(":")
    return {"mailto": f"mailbox {rest}", "s3": f"bucket {rest.strip('/')}", "file": "file"}.get(
        kind, health.destination
    )


def _ago(age: timedelta) -> str:
    seconds = max(0, int(age.total_seconds()))
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            number = seconds // size
            return f"{number} {name}{'' if number == 1 else 's'} ago"
    return "just now"


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "H:i, j F Y")
