"""A ledger with a past: entries at chosen times, roles held from and until."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

import audit.services
from access.models import RoleHolding
from access.roles import Role
from access.services.organisations import group_name
from audit.entries import build_event
from audit.ids import uuid7
from audit.models import EventKind
from compliance.reports.entries import Scope


@pytest.fixture
def entry(organisation):
    """Write one entry at a moment of choice; the database seals it like any other."""

    def write(action, *, at=None, by="system:test", kind=EventKind.ACT, subject=None, home=None, times=1, **values):
        event = build_event(
            organisation_id=organisation.pk,
            event_id=uuid7(),
            at=at or timezone.now(),
            kind=kind,
            actor=by,
            action=action,
            subject=subject or organisation.ref,
            device=values.pop("device", None),
            care_home_id=home.pk if home else None,
            residents=[],
            detail=values,
            count=times,
        )
        event.save(force_insert=True)
        return event

    return write


@pytest.fixture
def hold():
    """Give somebody a role from a moment until another."""

    def give(staff, home, role, starts_at, ends_at=None):
        return RoleHolding.objects.create(
            organisation_id=staff.organisation_id,
            staff=staff,
            care_home=home,
            role=role,
            group=Group.objects.get(name=group_name(home.pk, Role(role))),
            starts_at=starts_at,
            ends_at=ends_at,
        )

    return give


@pytest.fixture
def since_ever(world):
    """Make everybody's roles and accounts two years old, so that the past can be looked at."""

    def age(*people):
        ago = timezone.now() - timedelta(days=730)
        for holding in RoleHolding.objects.filter(staff__in=people):
            holding.starts_at = ago
            holding.save()
        for staff in people:
            staff.created_at = ago
            staff.save()

    return age


@pytest.fixture
def scope(organisation, home):
    return Scope.whole(organisation.pk)


@pytest.fixture
def whole_ledger(organisation, settle):
    """Verify and sign the ledger for real."""

    def check():
        settle()
        audit.services.sign_checkpoint(organisation.pk)
        return audit.services.verify_ledger(organisation_id=organisation.pk, actor="system:test")

    return check
