"""Confirming evidence items, and taking a confirmation back."""

from datetime import date, timedelta

from django.db import connection, transaction
from django.utils import timezone

import audit.services
from access import queries as access_queries
from access.actors import Actor
from access.policies import ANYWHERE
from compliance.dspt import queries
from compliance.dspt.collectors import Finding, Verdict
from compliance.dspt.edition import Edition, EvidenceItem
from compliance.errors import (
    ContradictedByEvidence,
    NothingToWithdraw,
    StatementMissing,
    UnknownItem,
    ValidUntilOutOfRange,
)
from compliance.events import ComplianceEvent
from compliance.models import Confirmation
from compliance.policies import CompliancePermission, policy


@transaction.atomic
def confirm_item(*, actor: Actor, edition: Edition, item_ref: str, statement: str, valid_until: date) -> Confirmation:
    """Sign for an evidence item. The newest confirmation of an item replaces those before it.

    statement: the answer in words. valid_until: the last day it counts, within the item's review period.
    Raises NotPermitted, UnknownItem, StatementMissing, ValidUntilOutOfRange, ContradictedByEvidence.
    Appends compliance.item.confirmed.
    """
    policy.require(actor, CompliancePermission.CONFIRM_ITEM, at=ANYWHERE)
    item = _item(actor, edition, item_ref)
    if not statement.strip():
        raise StatementMissing(item_ref)
    today = timezone.localdate()
    if not today < valid_until <= latest_valid_until(item, today):
        raise ValidUntilOutOfRange(item_ref)
    finding = _finding(actor, item)
    if finding and finding.verdict is Verdict.NOT_MET:
        raise ContradictedByEvidence(finding.statement)
    return _record(actor, edition, item, Confirmation.Kind.CONFIRMED, statement.strip(), valid_until, finding)


@transaction.atomic
def withdraw_confirmation(*, actor: Actor, edition: Edition, item_ref: str, reason: str) -> Confirmation:
    """Take the standing confirmation of an item back. The rows stay.

    Raises NotPermitted, UnknownItem, StatementMissing, NothingToWithdraw.
    Appends compliance.item.confirmation_withdrawn.
    """
    policy.require(actor, CompliancePermission.CONFIRM_ITEM, at=ANYWHERE)
    item = _item(actor, edition, item_ref)
    if not reason.strip():
        raise StatementMissing(item_ref)
    if item.ref not in queries.standings(actor.organisation_id, edition):
        raise NothingToWithdraw(item_ref)
    return _record(actor, edition, item, Confirmation.Kind.WITHDRAWN, reason.strip(), None, _finding(actor, item))


def latest_valid_until(item: EvidenceItem, today: date) -> date:
    """The last day that a confirmation given today may count: the item's review period, in months of 365/12 days."""
    return today + timedelta(days=item.review_months * 365 // 12)


def _item(actor: Actor, edition: Edition, item_ref: str) -> EvidenceItem:
    item = edition.item(item_ref)
    if item is None:
        raise UnknownItem(item_ref)
    _take_turns(actor, edition, item)
    return item


def _finding(actor: Actor, item: EvidenceItem) -> Finding | None:
    """What the system sees at this moment; never what a page said a while ago."""
    if item.collector is None:
        return None
    organisation = access_queries.organisation(actor.organisation_id)
    return queries.look(organisation, item.collector, timezone.now()).finding


def _record(
    actor: Actor,
    edition: Edition,
    item: EvidenceItem,
    kind: Confirmation.Kind,
    statement: str,
    valid_until: date | None,
    finding: Finding | None,
) -> Confirmation:
    row: Confirmation = Confirmation.objects.create(
        organisation_id=actor.organisation_id,
        edition=edition.key,
        item_ref=item.ref,
        kind=kind,
        statement=statement,
        confirmed_by=actor.ref,
        confirmed_at=timezone.now(),
        valid_until=valid_until,
        on_finding=finding.verdict.value if finding else "",
        finding_statement=finding.statement if finding else "",
    )
    withdrawn = kind == Confirmation.Kind.WITHDRAWN
    audit.services.append(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=ComplianceEvent.CONFIRMATION_WITHDRAWN if withdrawn else ComplianceEvent.ITEM_CONFIRMED,
        subject=row.ref,
        detail={"edition": edition.key, "item": item.ref, "valid_until": valid_until, "on_finding": row.on_finding},
    )
    return row


def _take_turns(actor: Actor, edition: Edition, item: EvidenceItem) -> None:
    """Two people at one item write one after the other, so that "newest" has one meaning."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"confirmation/{actor.organisation_id}/{edition.key}/{item.ref}"],
        )
