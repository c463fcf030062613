"""Policies: tables of who may do what, one per app, and access's own.

A policy's table gives the defaults that a new care home's groups are filled with; what a person may do is then read
from their grants, so an organisation can differ (and an inspector can be told how). Deny is the default.
"""

from collections.abc import Mapping, Set
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID

from access.errors import NotPermitted
from access.roles import Role

if TYPE_CHECKING:
    from access.actors import Actor


class Permission(StrEnum):
    """The base of every app's permissions: `app.subject.order`."""


class Anywhere:
    """Asks for the permission in at least one care home: for matters of the whole organisation."""

    def __repr__(self) -> str:
        return "ANYWHERE"


ANYWHERE: Final = Anywhere()


class Policy:
    """One app's permissions and the roles that hold them by default."""

    def __init__(self, name: str, *, permissions: type[Permission], grants: Mapping[Role, Set[Permission]]) -> None:
        self.name, self.permissions, self.grants = name, permissions, grants
        _policies[name] = self

    def allows(self, actor: "Actor", permission: Permission, *, at: UUID | Anywhere) -> bool:
        if actor.is_system:
            return permission in self.grants.get(Role.SYSTEM, frozenset())
        if isinstance(at, Anywhere):
            return bool(actor.homes_permitting(permission))
        return actor.permits(permission, at)

    def require(self, actor: "Actor", permission: Permission, *, at: UUID | Anywhere) -> None:
        """Raises NotPermitted."""
        if not self.allows(actor, permission, at=at):
            raise NotPermitted(permission, None if isinstance(at, Anywhere) else at)


_policies: dict[str, Policy] = {}


def policies() -> list[Policy]:
    """Every app's, in the order of their names."""
    return [_policies[name] for name in sorted(_policies)]


def all_permissions() -> list[Permission]:
    return [permission for policy in policies() for permission in policy.permissions]


def default_permissions(role: Role) -> set[Permission]:
    """What a role may do in a care home unless the organisation decides otherwise."""
    return {permission for policy in policies() for permission in policy.grants.get(role, frozenset())}


class AccessPermission(Permission):
    ADD_CARE_HOME = "access.care_home.add"
    READ_STAFF = "access.staff.read"
    ADD_STAFF = "access.staff.add"
    RECORD_LEAVER = "access.staff.leave"
    GRANT_SHIFT = "access.shift.grant"
    READ_DEVICE = "access.device.read"
    ENROL_DEVICE = "access.device.enrol"
    MAKE_TOKEN = "access.token.make"  # noqa: S105  # a permission's name


_MANAGES = {
    AccessPermission.READ_STAFF,
    AccessPermission.RECORD_LEAVER,
    AccessPermission.GRANT_SHIFT,
    AccessPermission.READ_DEVICE,
}

policy = Policy(
    "access",
    permissions=AccessPermission,
    grants={
        Role.REGISTERED_MANAGER: _MANAGES,
        Role.ADMINISTRATOR: set(AccessPermission) - {AccessPermission.ADD_CARE_HOME},
        # The supplier's own commands: a new customer's homes and first people.
        Role.SYSTEM: {
            AccessPermission.ADD_CARE_HOME,
            AccessPermission.ADD_STAFF,
            AccessPermission.GRANT_SHIFT,
            AccessPermission.MAKE_TOKEN,
        },
    },
)
