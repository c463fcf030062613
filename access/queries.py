"""What other modules may read of access."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

import audit.queries
from access.actors import Actor
from access.events import AccessEvent
from access.models import CareHome, Device, Organisation, Staff
from access.policies import ANYWHERE, AccessPermission, Permission, policy


@dataclass(frozen=True, slots=True)
class Leaver:
    """took: from leaving to the end of access; None while access has not ended."""

    staff_ref: str
    left_at: datetime
    access_ended_at: datetime | None

    @property
    def took(self) -> timedelta | None:
        return None if self.access_ended_at is None else self.access_ended_at - self.left_at


def organisation(organisation_id: UUID) -> Organisation:
    found: Organisation = Organisation.objects.get(pk=organisation_id)
    return found


def leavers(organisation_id: UUID, since: datetime, until: datetime) -> list[Leaver]:
    """Everybody who left in [since, until), by when they left."""
    rows = Staff.objects.filter(organisation_id=organisation_id, left_at__gte=since, left_at__lt=until).order_by(
        "left_at"
    )
    return [Leaver(row.ref, row.left_at, row.access_ended_at) for row in rows]


def staff_names(organisation_id: UUID, refs: set[str]) -> dict[str, str]:
    """Display names by ref (`staff:…`); refs of nobody are left out. One query."""
    ids = [UUID(ref.removeprefix("staff:")) for ref in refs if ref.startswith("staff:")]
    rows = Staff.objects.filter(organisation_id=organisation_id, pk__in=ids) if ids else []
    return {row.ref: row.display_name for row in rows}


def care_homes(actor: Actor, permission: Permission) -> QuerySet[CareHome]:
    """The homes in which the actor holds the permission, by name."""
    homes: QuerySet[CareHome] = CareHome.objects.filter(
        organisation_id=actor.organisation_id, pk__in=actor.homes_permitting(permission)
    ).order_by("name")
    return homes


def staff_members(actor: Actor) -> QuerySet[Staff]:
    """Everybody with an account, leavers too. Raises NotPermitted."""
    policy.require(actor, AccessPermission.READ_STAFF, at=ANYWHERE)
    members: QuerySet[Staff] = Staff.objects.filter(organisation_id=actor.organisation_id).order_by("created_at")
    return members


def devices(actor: Actor) -> QuerySet[Device]:
    """Enrolled devices of the homes where the actor may see them. Raises NotPermitted."""
    policy.require(actor, AccessPermission.READ_DEVICE, at=ANYWHERE)
    found: QuerySet[Device] = (
        Device.objects.filter(
            organisation_id=actor.organisation_id,
            care_home_id__in=actor.homes_permitting(AccessPermission.READ_DEVICE),
        )
        .select_related("care_home")
        .order_by("care_home__name", "name")
    )
    return found


@dataclass(frozen=True, slots=True)
class SignIn:
    at: datetime
    device: str
    outcome: str


def sign_ins(staff: Staff, count: int = 10) -> list[SignIn]:
    """The person's own latest sign-ins, newest first, from the ledger."""
    events = audit.queries.events_by(staff.organisation_id, staff.ref).filter(action=AccessEvent.SIGNED_IN)[:count]
    names = {device.ref: device.name for device in Device.objects.filter(organisation_id=staff.organisation_id)}
    return [SignIn(event.at, names.get(event.device or "", ""), "signed in") for event in events]
