"""The table of who may do what, and the grants made from it."""

import pytest

from access.actors import Actor
from access.errors import NotPermitted
from access.models import CareHomeGrant
from access.policies import ANYWHERE, AccessPermission, all_permissions, default_permissions, policies
from access.policies import policy as access_policy
from access.roles import ASSIGNABLE, Role
from records.policies import RecordPermission


@pytest.mark.parametrize("role", ASSIGNABLE)
def test_grants_of_a_new_home_are_the_policies_defaults(world, role):
    rows = CareHomeGrant.objects.filter(
        organisation_id=world.organisation.pk, group__name=f"care_home:{world.home.pk}:{role.value}"
    )

    assert {row.permission.codename for row in rows} == {str(p) for p in default_permissions(role)}


def test_kitchen_may_see_residents_and_nothing_else():
    assert default_permissions(Role.KITCHEN) == {RecordPermission.READ_RESIDENT}


def test_nobody_can_hold_the_systems_role():
    assert Role.SYSTEM not in ASSIGNABLE


def test_every_permission_is_named_once_and_held_by_somebody():
    names = [str(permission) for permission in all_permissions()]
    held = {permission for policy in policies() for grants in policy.grants.values() for permission in grants}

    assert len(names) == len(set(names))
    assert set(all_permissions()) == held


def test_require_asks_for_the_permission_in_that_home(world, actor_for):
    administrator = actor_for(world.person("administrator"))

    access_policy.require(administrator, AccessPermission.ENROL_DEVICE, at=world.home.pk)
    access_policy.require(administrator, AccessPermission.ENROL_DEVICE, at=ANYWHERE)
    with pytest.raises(NotPermitted):
        access_policy.require(administrator, AccessPermission.ENROL_DEVICE, at=world.second_home.pk)


def test_the_system_may_do_only_what_is_granted_to_it(world):
    with pytest.raises(NotPermitted):
        access_policy.require(world.system, AccessPermission.RECORD_LEAVER, at=ANYWHERE)


def test_permissions_cost_one_query_a_request(world, carer, django_assert_num_queries):
    actor = Actor.of(carer)

    with django_assert_num_queries(1):
        for _ in range(50):
            actor.permits(RecordPermission.READ_RESIDENT, world.home.pk)
            actor.homes_permitting(RecordPermission.WRITE_DAILY_NOTE)


def test_denied_role_wins_over_a_held_one(world, carer):
    from datetime import timedelta

    from django.utils import timezone

    from access.models import Grant, RoleHolding
    from audit.services import append

    now = timezone.now()
    group = RoleHolding.objects.get(staff=carer).group
    grant = Grant.objects.create(
        organisation=world.organisation,
        staff=carer,
        care_home=world.home,
        effect=Grant.Effect.DENY,
        role=Role.CARER,
        group=group,
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        reason="Relative of a resident",
        granted_by=world.system.ref,
    )
    append(organisation_id=world.organisation.pk, actor=world.system.ref, action="test.thing.made", subject=grant.ref)

    assert Actor.of(carer).care_home_ids() == set()


@pytest.mark.parametrize("role", ["carer", "registered_manager", "administrator"])
def test_nobody_adds_a_care_home_or_a_token_for_another(world, actor_for, role):
    from django.utils import timezone

    from access.services import add_care_home, make_token

    actor = actor_for(world.person(role))

    with pytest.raises(NotPermitted):
        add_care_home(actor=actor, name="Own", code="own")
    with pytest.raises(NotPermitted):
        make_token(actor=actor, staff=world.person("nurse"), name="x", expires_at=timezone.now())
