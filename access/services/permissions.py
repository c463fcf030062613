"""Permissions that a new release brings, given to the homes that exist already.

A new home's groups are filled from the policies when it is made; without this, the homes of everybody who upgrades
would lack what the release added. A permission is new once: when its row is made. Whatever an organisation takes away
afterwards stays away, for nobody gives it a second time.
"""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.models import Group
from django.contrib.auth.models import Permission as PermissionRow
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils import timezone

from access import tenancy
from access.events import AccessEvent
from access.ids import uuid7
from access.models import CareHome, CareHomeGrant, Directory
from access.policies import all_permissions, default_permissions
from access.roles import ASSIGNABLE, Role
from access.services.organisations import group_name
from audit.entries import build_event
from audit.models import EventKind


def add_new_permissions(using: str) -> list[str]:
    """One row per permission of every policy; those made now are given to the roles of every home. Their names.

    Run after each migration as the tables' owner (using: its connection), so that all of it happens or nothing: the
    rows, the grants and an entry of each home in its organisation's ledger.
    Appends access.permission.added for each home and permission.
    """
    with transaction.atomic(using=using):
        home, _ = ContentType.objects.db_manager(using).get_or_create(
            app_label=CareHome._meta.app_label, model=CareHome._meta.model_name
        )
        known = set(PermissionRow.objects.using(using).filter(content_type=home).values_list("codename", flat=True))
        new = sorted(str(permission) for permission in all_permissions() if str(permission) not in known)
        rows = PermissionRow.objects.using(using).bulk_create(
            PermissionRow(content_type=home, codename=name, name=name) for name in new
        )
        if rows:
            _give_everywhere({row.codename: row for row in rows}, using)
    return new


def _give_everywhere(rows: dict[str, PermissionRow], using: str) -> None:
    """Each organisation is opened in turn: behind the wall the owner, too, sees no other way."""
    wanted: dict[Role, list[str]] = {
        role: sorted({str(p) for p in default_permissions(role)} & set(rows)) for role in ASSIGNABLE
    }
    for organisation_id in Directory.objects.using(using).values_list("organisation_id", flat=True):
        with tenancy.acting_for(organisation_id):
            homes = list(CareHome.objects.using(using).filter(organisation_id=organisation_id))
            _give(organisation_id, homes, rows, wanted, using)


def _give(
    organisation_id: UUID,
    homes: Iterable[CareHome],
    rows: dict[str, PermissionRow],
    wanted: dict[Role, list[str]],
    using: str,
) -> None:
    of_home = {group_name(home.pk, role): (home, role) for home in homes for role in ASSIGNABLE}
    groups = Group.objects.using(using).filter(name__in=of_home)
    grants = [
        CareHomeGrant(
            group=group, permission=rows[name], content_object=of_home[group.name][0], organisation_id=organisation_id
        )
        for group in groups
        for name in wanted[of_home[group.name][1]]
    ]
    CareHomeGrant.objects.using(using).bulk_create(grants)
    given: dict[tuple[UUID, str], list[str]] = {}
    for grant in grants:
        role = of_home[grant.group.name][1]
        given.setdefault((grant.content_object_id, grant.permission.codename), []).append(role.value)
    for (home_id, name), holders in sorted(given.items()):
        _seal(organisation_id, home_id, name, sorted(holders), using)


def _seal(organisation_id: UUID, home_id: UUID, name: str, holders: list[str], using: str) -> None:
    """On the owner's own connection, so that the entry is of the transaction that gave the grants."""
    build_event(
        organisation_id=organisation_id,
        event_id=uuid7(),
        at=timezone.now(),
        kind=EventKind.ACT,
        actor="system:migrate",
        action=AccessEvent.PERMISSION_ADDED,
        subject=f"permission:{name}",
        device=None,
        care_home_id=home_id,
        residents=[],
        detail={"roles": holders},
    ).save(using=using, force_insert=True)
