"""New organisations and care homes: keys, groups and default grants in one transaction."""

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import Group, Permission
from django.db import transaction

import audit.services
from access import rights, tenancy
from access.actors import Actor
from access.events import AccessEvent
from access.ids import uuid7
from access.key_purposes import Purpose
from access.models import CareHome, CareHomeGrant, Directory, Organisation
from access.policies import ANYWHERE, AccessPermission, default_permissions, policy
from access.roles import ASSIGNABLE, Role
from access.services.keys import make_data_key


@transaction.atomic
def create_organisation(
    *,
    actor_ref: str,
    name: str,
    code: str,
    ods_code: str = "",
    ico_number: str = "",
    rto: timedelta = timedelta(hours=4),
    organisation_id: UUID | None = None,
) -> Organisation:
    """A new tenant with its keys. Run by the supplier's own command, before anybody of the organisation exists.

    Raises django.db.IntegrityError where the code is taken. Appends access.organisation.created.
    """
    new_id = organisation_id or uuid7()
    with tenancy.acting_for(new_id):
        Directory.objects.create(organisation_id=new_id, code=code)
        organisation: Organisation = Organisation.objects.create(
            id=new_id, name=name, code=code, ods_code=ods_code, ico_number=ico_number, rto=rto
        )
        for purpose in (Purpose.ORGANISATION, Purpose.INDEX, Purpose.RECORD_SEAL):
            make_data_key(actor_ref=actor_ref, organisation_id=new_id, purpose=purpose)
        audit.services.append(
            organisation_id=new_id,
            actor=actor_ref,
            action=AccessEvent.ORGANISATION_CREATED,
            subject=organisation.ref,
            detail={"code": code},
        )
    return organisation


@transaction.atomic
def add_care_home(*, actor: Actor, name: str, code: str, ods_code: str = "", cqc_location_id: str = "") -> CareHome:
    """A care home with one group per role, filled with the policies' defaults.

    Raises NotPermitted. Appends access.care_home.added.
    """
    policy.require(actor, AccessPermission.ADD_CARE_HOME, at=ANYWHERE)
    home = CareHome(
        organisation_id=actor.organisation_id, name=name, code=code, ods_code=ods_code, cqc_location_id=cqc_location_id
    )
    with audit.services.sealing(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=AccessEvent.CARE_HOME_ADDED,
        subject=home.ref,
        detail={"code": code},
        care_home_id=home.pk,
    ) as act:
        home.save(force_insert=True)
        _fill_groups(home)
        act.detail[rights.DETAIL] = rights.of_home(home)
    return home


def _fill_groups(home: CareHome) -> None:
    known = {
        permission.codename: permission
        for permission in Permission.objects.filter(content_type__app_label="access", content_type__model="carehome")
    }
    groups = Group.objects.bulk_create(Group(name=group_name(home.pk, role)) for role in ASSIGNABLE)
    CareHomeGrant.objects.bulk_create(
        CareHomeGrant(
            group=group,
            permission=known[str(permission)],
            content_object=home,
            organisation_id=home.organisation_id,
        )
        for role, group in zip(ASSIGNABLE, groups, strict=True)
        for permission in sorted(default_permissions(role))
    )


def group_name(care_home_id: UUID, role: Role | str) -> str:
    return f"care_home:{care_home_id}:{Role(role).value}"
