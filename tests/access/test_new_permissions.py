"""A release's new permissions reach the homes that exist already: once, and never against what a home decided."""

import pytest
from django.db import transaction

import audit.services
from access.actors import Actor
from access.models import CareHomeGrant
from access.policies import default_permissions
from access.roles import ASSIGNABLE
from access.services import add_care_home
from access.services.organisations import group_name
from access.tenancy import acting_for
from audit.entries import open_details
from audit.models import Event
from audit.verification import verify_organisation
from compliance.policies import CompliancePermission
from tests import database
from tests import settings as run

pytestmark = pytest.mark.django_db(transaction=True)
NEW = CompliancePermission.READ_LEDGER


def forget(permission):
    """As the database stood before the release that brought the permission."""
    with database.as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "DELETE FROM access_care_home_grant g USING auth_permission p"
            " WHERE p.id = g.permission_id AND p.codename = %s",
            [permission],
        )
        admin.execute("DELETE FROM auth_permission WHERE codename = %s", [permission])


def holders(home):
    """Which roles of the home hold the new permission."""
    with acting_for(home.organisation_id):
        names = set(
            CareHomeGrant.objects.filter(content_object=home, permission__codename=NEW).values_list(
                "group__name", flat=True
            )
        )
    return {role for role in ASSIGNABLE if group_name(home.pk, role) in names}


@pytest.fixture
def homes(world):
    """Homes of two organisations, made before the release."""
    world.open(world.other.pk)
    elsewhere = add_care_home(actor=Actor.system(world.other.pk, "test"), name="Elm Court", code="elm-court")
    world.open(world.organisation.pk)
    forget(NEW)
    return [world.home, world.second_home, elsewhere]


def test_an_upgrade_gives_a_new_permission_to_the_default_roles_of_every_home(homes, manager):
    assert [holders(home) for home in homes] == [set()] * 3

    database.migrate(run.DATABASE)

    expected = {role for role in ASSIGNABLE if NEW in default_permissions(role)}
    assert expected
    assert [holders(home) for home in homes] == [expected] * 3
    assert Actor.of(manager).permits(NEW, homes[0].pk)


def test_an_upgrade_says_in_the_ledger_what_it_gave(homes):
    database.migrate(run.DATABASE)

    for home in homes:
        with acting_for(home.organisation_id):
            entries = Event.objects.filter(care_home_id=home.pk, action="access.permission.added")
            assert [(entry.actor, entry.subject) for entry in entries] == [("system:migrate", f"permission:{NEW}")]
            expected = sorted(role for role in ASSIGNABLE if NEW in default_permissions(role))
            assert open_details(entries[0]) == {"roles": expected}
            assert verify_organisation(home.organisation_id).ok


def test_the_next_upgrade_does_not_give_back_what_an_organisation_took_away(homes):
    database.migrate(run.DATABASE)
    taken = group_name(homes[0].pk, "registered_manager")
    with transaction.atomic():
        CareHomeGrant.objects.filter(group__name=taken, permission__codename=NEW).delete()
        audit.services.append(
            organisation_id=homes[0].organisation_id,
            actor="system:test",
            action="test.right.taken",
            subject=homes[0].ref,
        )

    database.migrate(run.DATABASE)

    assert "registered_manager" not in holders(homes[0])
    assert "registered_manager" in holders(homes[1])
