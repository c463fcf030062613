"""Joiners, shifts and leavers."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

import audit.services
from access.actors import Actor, Work, roles_now
from access.backends import email_index
from access.errors import AlreadyLeft, LastAdministrator, LeavingInFuture, NotPermitted
from access.events import AccessEvent
from access.models import CareHome, Grant, RoleHolding, Session, Staff
from access.policies import ANYWHERE, AccessPermission, policy
from access.roles import TEMPORARY, Role
from access.services.organisations import group_name
from audit.acts import Act

FURTHEST_LEAVING = timedelta(days=90)


@transaction.atomic
def add_staff(*, actor: Actor, email: str, first_name: str, last_name: str, password: str, pin: str = "") -> Staff:
    """One person's own account. Raises NotPermitted, django.db.IntegrityError where the email has an account."""
    policy.require(actor, AccessPermission.ADD_STAFF, at=ANYWHERE)
    staff = Staff(
        organisation_id=actor.organisation_id,
        email=email.strip(),
        email_index=email_index(actor.organisation_id, email),
        first_name=first_name.strip(),
        last_name=last_name.strip(),
        pin=make_pin(pin) if pin else "",
    )
    staff.set_password(password)
    with _sealing(actor, AccessEvent.STAFF_ADDED, staff):
        staff.save(force_insert=True)
    return staff


class PinHasher(Argon2PasswordHasher):
    """Argon2id with 19 MiB: a PIN is typed often, opens only an enrolled tablet, and is counted."""

    algorithm = "argon2pin"
    memory_cost = 19 * 1024
    time_cost = 2
    parallelism = 1


def make_pin(pin: str) -> str:
    return PinHasher().encode(pin, PinHasher().salt())


@transaction.atomic
def give_role(*, actor: Actor, staff: Staff, care_home: CareHome, role: Role) -> RoleHolding:
    """A lasting role in one care home. A temporary role is granted for a shift instead (`grant_shift`)."""
    policy.require(actor, AccessPermission.ADD_STAFF, at=care_home.pk)
    if role in TEMPORARY:
        raise ValueError(f"{role} is held only through a grant that ends.")
    holding: RoleHolding = RoleHolding.objects.create(
        organisation_id=actor.organisation_id,
        staff=staff,
        care_home=care_home,
        role=role,
        group=Group.objects.get(name=group_name(care_home.pk, role)),
    )
    _append(actor, AccessEvent.ROLE_GIVEN, staff, care_home=care_home, role=role.value)
    return holding


@transaction.atomic
def grant_shift(
    *,
    actor: Actor,
    staff: Staff,
    care_home: CareHome,
    role: Role,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
) -> Grant:
    """Access for one shift or visit; it ends by itself at `ends_at`, mid-session too."""
    policy.require(actor, AccessPermission.GRANT_SHIFT, at=care_home.pk)
    if role not in TEMPORARY:
        raise ValueError(f"{role} is not a temporary role.")
    grant: Grant = Grant.objects.create(
        organisation_id=actor.organisation_id,
        staff=staff,
        care_home=care_home,
        role=role,
        group=Group.objects.get(name=group_name(care_home.pk, role)),
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason,
        granted_by=actor.ref,
    )
    _append(
        actor, AccessEvent.SHIFT_GRANTED, staff, care_home=care_home, role=role.value, from_=starts_at, until=ends_at
    )
    return grant


@transaction.atomic
def record_leaver(*, actor: Actor, staff: Staff, left_at: datetime) -> Staff:
    """Somebody leaves: their access ends at that minute, or now if it has passed; their sessions end with it.

    left_at: aware; when they left or will leave, at most 90 days ahead.
    Raises NotPermitted, AlreadyLeft, LeavingInFuture, LastAdministrator. Appends access.staff.left.
    """
    require_leaver_right(actor=actor, staff=staff)
    now = timezone.now()
    if staff.access_ended_at is not None and staff.access_ended_at <= now:
        raise AlreadyLeft
    if left_at > now + FURTHEST_LEAVING or left_at < staff.created_at:
        raise LeavingInFuture
    if _is_last_administrator(staff):
        raise LastAdministrator
    staff.left_at, staff.access_ended_at = left_at, max(left_at, now)
    with _sealing(actor, AccessEvent.STAFF_LEFT, staff, left_at=left_at):
        staff.save(update_fields=["left_at", "access_ended_at"])
    if left_at <= now:
        Session.objects.filter(organisation_id=actor.organisation_id, staff=staff).delete()
    return staff


def require_leaver_right(*, actor: Actor, staff: Staff) -> None:
    """The right must be held in a home where the person works; of somebody with no role yet, in any home.

    Raises NotPermitted.
    """
    policy.require(actor, AccessPermission.RECORD_LEAVER, at=ANYWHERE)
    work = roles_now(staff)
    if not may_record_leaving(actor.homes_permitting(AccessPermission.RECORD_LEAVER), work):
        raise NotPermitted(AccessPermission.RECORD_LEAVER, min(home for home, _name, _role in work))


def may_record_leaving(homes: set[UUID], work: Work) -> bool:
    """homes: where the right is held; work: what the person does where."""
    return bool(homes) and (not work or any(home in homes for home, _name, _role in work))


def _is_last_administrator(staff: Staff) -> bool:
    administrators = RoleHolding.objects.filter(
        organisation_id=staff.organisation_id,
        role=Role.ADMINISTRATOR,
        ends_at__isnull=True,
        staff__left_at__isnull=True,
    )
    return (
        administrators.filter(staff=staff).exists()
        and not administrators.exclude(staff=staff).exclude(staff__is_active=False).exists()
    )


@transaction.atomic
def choose_theme(*, actor: Actor, theme: str) -> None:
    """Day, night or as the device: the person's own choice, so no permission is asked."""
    staff = actor.staff
    if staff is None:
        raise ValueError("The system has no theme.")
    staff.theme = Staff.Theme(theme)
    with _sealing(actor, AccessEvent.THEME_CHOSEN, staff, theme=theme):
        staff.save(update_fields=["theme"])


def _append(actor: Actor, action: AccessEvent, staff: Staff, *, care_home: CareHome, **detail: object) -> None:
    audit.services.append(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=action,
        subject=staff.ref,
        detail=_plain(detail),
        care_home_id=care_home.pk,
    )


def _sealing(actor: Actor, action: AccessEvent, staff: Staff, **detail: object) -> AbstractContextManager[Act]:
    return audit.services.sealing(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=action,
        subject=staff.ref,
        detail=_plain(detail),
    )


def _plain(detail: Mapping[str, object]) -> dict[str, str]:
    return {name.rstrip("_"): str(value) for name, value in detail.items()}
