"""Who acts: a person, with what they may do where, or the system."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from access.models import CareHomeGrant, Grant, RoleHolding
from access.roles import Role

if TYPE_CHECKING:
    from access.models import Device, Staff


@dataclass(frozen=True)
class Actor:
    """One actor for the length of one request or task; permissions are read once, in one query."""

    ref: str
    organisation_id: UUID
    staff: "Staff | None" = None
    device: "Device | None" = None
    _loaded: dict[str, object] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def system(cls, organisation_id: UUID, name: str) -> "Actor":
        """The system itself, doing scheduled work; its permissions are what policies grant to Role.SYSTEM."""
        return cls(ref=f"system:{name}", organisation_id=organisation_id)

    @classmethod
    def of(cls, staff: "Staff", device: "Device | None" = None) -> "Actor":
        return cls(ref=staff.ref, organisation_id=staff.organisation_id, staff=staff, device=device)

    @property
    def is_system(self) -> bool:
        return self.staff is None

    @cached_property
    def _permissions(self) -> Mapping[UUID, frozenset[str]]:
        if self.staff is None or not self.staff.may_sign_in():
            return {}
        return _permissions_of(self.staff)

    def care_home_ids(self) -> set[UUID]:
        """The homes in which the actor may do anything at all."""
        return set(self._permissions)

    def permits(self, permission: str, at: UUID) -> bool:
        return str(permission) in self._permissions.get(at, frozenset())

    def homes_permitting(self, permission: str) -> set[UUID]:
        return {home for home, held in self._permissions.items() if str(permission) in held}


def _permissions_of(staff: "Staff") -> dict[UUID, frozenset[str]]:
    """Permissions by care home from the roles held now and the grants running now; a denied role is taken away."""
    now, organisation_id = timezone.now(), staff.organisation_id
    held = RoleHolding.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=now),
        organisation_id=organisation_id,
        staff_id=staff.pk,
        starts_at__lte=now,
    )
    granted = Grant.objects.filter(
        organisation_id=organisation_id, staff_id=staff.pk, starts_at__lte=now, ends_at__gt=now
    )
    rows = (
        CareHomeGrant.objects.filter(organisation_id=organisation_id)
        .filter(
            Q(group_id__in=held.values("group_id"))
            | Q(group_id__in=granted.filter(effect=Grant.Effect.ALLOW).values("group_id"))
        )
        .exclude(group_id__in=granted.filter(effect=Grant.Effect.DENY).values("group_id"))
        .values_list("content_object_id", "permission__codename")
    )
    found: dict[UUID, set[str]] = {}
    for home, codename in rows:
        found.setdefault(home, set()).add(codename)
    return {home: frozenset(codenames) for home, codenames in found.items()}


Work = list[tuple[UUID, str, Role]]


def roles_now(staff: "Staff") -> Work:
    """(care home id, care home name, role) that the person holds or was granted now, by home name."""
    return roles_of(staff.organisation_id, {staff.pk}).get(staff.pk, [])


def roles_of(organisation_id: UUID, staff_ids: set[UUID]) -> dict[UUID, Work]:
    """The same for several people, by their id, in one query; people without a role are left out."""
    now = timezone.now()
    held = RoleHolding.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=now),
        organisation_id=organisation_id,
        staff_id__in=staff_ids,
        starts_at__lte=now,
    )
    granted = Grant.objects.filter(
        organisation_id=organisation_id,
        staff_id__in=staff_ids,
        starts_at__lte=now,
        ends_at__gt=now,
        effect=Grant.Effect.ALLOW,
    )
    columns = ("staff_id", "care_home_id", "care_home__name", "role")
    rows = held.values_list(*columns).union(granted.values_list(*columns))
    found: dict[UUID, Work] = {}
    for staff_id, home, name, role in sorted(rows, key=lambda row: (row[2], row[3])):
        found.setdefault(staff_id, []).append((home, name, Role(role)))
    return found
