"""Reading where an organisation stands."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from access import queries as access_queries
from access.actors import Actor
from access.models import Organisation
from access.policies import ANYWHERE
from compliance.dspt import collectors, edition
from compliance.dspt.assessment import Assessment, Standing, assess
from compliance.dspt.collectors import Collected, Period, Verdict
from compliance.dspt.edition import Edition
from compliance.models import Confirmation
from compliance.policies import CompliancePermission, policy


@dataclass(frozen=True, slots=True)
class Position:
    """Where an organisation stands, with everything it rests on."""

    organisation: Organisation
    assessment: Assessment
    collected: tuple[Collected, ...]
    names: dict[str, str]
    at: datetime


def current_edition() -> Edition:
    """The newest edition there is a file for."""
    return edition.published(edition.published_keys()[-1])


def position(actor: Actor, chosen: Edition, *, now: datetime | None = None) -> Position:
    """Raises NotPermitted."""
    policy.require(actor, CompliancePermission.READ_DASHBOARD, at=ANYWHERE)
    return position_of(actor.organisation_id, chosen, now=now or timezone.now())


def position_of(organisation_id: UUID, chosen: Edition, *, now: datetime) -> Position:
    """The same for the system's own work, which asks its own permission first."""
    organisation = access_queries.organisation(organisation_id)
    collected = tuple(look(organisation, name, now) for name in sorted(chosen.collectors))
    found = standings(organisation_id, chosen)
    assessment = assess(
        chosen,
        findings={row.name: row.finding for row in collected},
        standings=found,
        today=timezone.localdate(now),
    )
    names = access_queries.staff_names(organisation_id, {standing.confirmed_by for standing in found.values()})
    return Position(organisation, assessment, collected, names, now)


def look(organisation: Organisation, name: str, now: datetime) -> Collected:
    """Ask one collector about the last 12 months."""
    chosen, period = collectors.collector(name), Period.year_before(now)
    return Collected(name, chosen.title, chosen.look(organisation, period), period)


def standings(organisation_id: UUID, chosen: Edition) -> dict[str, Standing]:
    """The confirmations that count, by item ref: the newest row of each item, unless it withdraws."""
    rows = (
        Confirmation.objects.filter(organisation_id=organisation_id, edition=chosen.key)
        .order_by("item_ref", "-confirmed_at", "-id")
        .distinct("item_ref")
    )
    return {row.item_ref: _standing(row) for row in rows if row.kind == Confirmation.Kind.CONFIRMED}


def _standing(row: Confirmation) -> Standing:
    assert row.valid_until is not None  # the database holds confirmed rows to it
    return Standing(
        statement=row.statement,
        confirmed_by=row.confirmed_by,
        confirmed_at=row.confirmed_at,
        valid_until=row.valid_until,
        on_finding=Verdict(row.on_finding) if row.on_finding else None,
    )


def history(actor: Actor, chosen: Edition, item_ref: str) -> QuerySet[Confirmation]:
    """Everything said about one item, newest first. Raises NotPermitted."""
    policy.require(actor, CompliancePermission.READ_DASHBOARD, at=ANYWHERE)
    rows: QuerySet[Confirmation] = Confirmation.objects.filter(
        organisation_id=actor.organisation_id, edition=chosen.key, item_ref=item_ref
    ).order_by("-confirmed_at", "-id")
    return rows
