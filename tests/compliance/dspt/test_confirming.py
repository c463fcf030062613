"""Confirming and withdrawing: the services behind an item's page."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.errors import NotPermitted
from access.tenancy import acting_for
from audit.models import Event
from compliance.dspt import queries
from compliance.dspt.assessment import State
from compliance.dspt.services import confirm_item, latest_valid_until, withdraw_confirmation
from compliance.errors import (
    ContradictedByEvidence,
    NothingToWithdraw,
    StatementMissing,
    UnknownItem,
    ValidUntilOutOfRange,
)
from compliance.models import Confirmation


@pytest.fixture
def edition():
    return queries.current_edition()


@pytest.fixture
def signs(manager, actor_for, edition):
    """Confirm an item as the registered manager."""

    def confirm(ref="1.1.1", **values):
        defaults = {"statement": "Z1234567", "valid_until": timezone.localdate() + timedelta(days=100)}
        return confirm_item(actor=actor_for(manager), edition=edition, item_ref=ref, **defaults | values)

    return confirm


def state_of(ref, actor, edition):
    items = queries.position(actor, edition).assessment.items
    return next(assessed.state for assessed in items if assessed.item.ref == ref)


def test_confirm_item_makes_it_confirmed_and_seals_who_did_it(signs, manager, actor_for, edition, settle):
    row = signs()
    settle()

    assert state_of("1.1.1", actor_for(manager), edition) is State.CONFIRMED
    event = Event.objects.get(organisation_id=row.organisation_id, subject=row.ref)
    assert (event.actor, event.action) == (manager.ref, "compliance.item.confirmed")


def test_confirm_item_replaces_what_was_confirmed_before(signs, manager, actor_for, edition):
    signs(statement="Z1111111")
    signs(statement="Z2222222")

    standing = queries.standings(manager.organisation_id, edition)["1.1.1"]
    history = queries.history(actor_for(manager), edition, "1.1.1")

    assert standing.statement == "Z2222222"
    assert [row.statement for row in history] == ["Z2222222", "Z1111111"]


def test_withdraw_confirmation_takes_the_green_away_and_keeps_the_history(signs, manager, actor_for, edition, settle):
    signs()
    withdraw_confirmation(actor=actor_for(manager), edition=edition, item_ref="1.1.1", reason="The number was wrong")
    settle()

    assert state_of("1.1.1", actor_for(manager), edition) is State.MISSING
    assert queries.history(actor_for(manager), edition, "1.1.1").count() == 2


def test_withdraw_confirmation_needs_one_that_stands(signs, manager, actor_for, edition):
    signs()
    withdraw = {"actor": actor_for(manager), "edition": edition, "item_ref": "1.1.1"}
    withdraw_confirmation(reason="Wrong", **withdraw)

    with pytest.raises(NothingToWithdraw):
        withdraw_confirmation(reason="Wrong again", **withdraw)


def test_confirm_item_refuses_what_the_system_contradicts(signs):
    with pytest.raises(ContradictedByEvidence, match="No backup has been restored"):
        signs("7.3.5")

    assert not Confirmation.objects.exists()


def test_confirm_item_takes_a_persons_word_where_the_system_sees_nothing(signs, manager, actor_for, edition):
    row = signs("4.2.4", statement="Checked the NHSmail list on 3 November.")

    assert row.on_finding == "unknown"
    assert state_of("4.2.4", actor_for(manager), edition) is State.CONFIRMED


@pytest.mark.parametrize("statement", ["", "   \n"])
def test_confirm_item_needs_words(signs, statement):
    with pytest.raises(StatementMissing):
        signs(statement=statement)


@pytest.mark.parametrize("days", [-1, 0, 366])
def test_confirm_item_holds_the_day_within_the_review_period(signs, days):
    with pytest.raises(ValidUntilOutOfRange):
        signs(valid_until=timezone.localdate() + timedelta(days=days))


def test_confirm_item_allows_the_last_day_of_the_review_period(signs, edition):
    latest = latest_valid_until(edition.item("1.3.1"), timezone.localdate())

    assert latest == timezone.localdate() + timedelta(days=3 * 365)
    assert signs("1.3.1", valid_until=latest).valid_until == latest


def test_confirm_item_refuses_an_item_that_is_not_there(signs):
    with pytest.raises(UnknownItem):
        signs("9.9.9")


@pytest.mark.parametrize("role", ["administrator", "nurse", "carer", "kitchen", "inspector"])
def test_confirm_item_is_the_registered_managers(world, actor_for, edition, role):
    with pytest.raises(NotPermitted):
        confirm_item(
            actor=actor_for(world.person(role)),
            edition=edition,
            item_ref="1.1.1",
            statement="Z1234567",
            valid_until=timezone.localdate() + timedelta(days=1),
        )


@pytest.mark.parametrize("role", ["nurse", "carer", "kitchen", "senior_carer", "activities", "agency_carer"])
def test_position_is_not_for_carers(world, actor_for, edition, role):
    with pytest.raises(NotPermitted):
        queries.position(actor_for(world.person(role)), edition)


def test_position_knows_nothing_of_another_organisation(signs, other_organisation, edition):
    signs()

    with acting_for(other_organisation.pk):
        assert queries.standings(other_organisation.pk, edition) == {}


def test_position_reads_the_same_however_many_items_are_confirmed(
    signs, manager, actor_for, edition, django_assert_max_num_queries
):
    first, *others = [item.ref for item in edition.mandatory if item.collector is None]
    signs(first)
    actor = actor_for(manager)
    actor.care_home_ids()
    with CaptureQueriesContext(connection) as once:
        queries.position(actor, edition)
    for ref in others:
        signs(ref)

    with django_assert_max_num_queries(len(once)):
        assert queries.position(actor, edition).assessment.confirmed == 43
