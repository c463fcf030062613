"""Who held which role where at a moment: the roles given and the grants that ran, as they were then.

An entry counts once. Somebody who works in two homes counts in each home under the role held there; somebody with two
roles in one home counts under the one that stands first in PRECEDENCE, and so does an entry that belongs to no single
home (a sign-in in the office, a list over two homes), over all the homes the person worked in at that moment.
A grant that takes a role away is not subtracted: it makes refusals, and those are counted.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from access.roles import Role

PRECEDENCE = (
    Role.REGISTERED_MANAGER,
    Role.ADMINISTRATOR,
    Role.NURSE,
    Role.SENIOR_CARER,
    Role.CARER,
    Role.AGENCY_CARER,
    Role.ACTIVITIES,
    Role.KITCHEN,
    Role.INSPECTOR,
)
NO_ROLE, SYSTEM, NOBODY = "none", "system", "visitor"
ORDER = [*(role.value for role in PRECEDENCE), NO_ROLE, SYSTEM, NOBODY]
TITLES = {role.value: str(role.label) for role in PRECEDENCE} | {
    NO_ROLE: "No role at the time",
    SYSTEM: "The system",
    NOBODY: "Nobody signed in",
}


@dataclass(frozen=True, slots=True)
class Held:
    """A role held from starts_at on, until ends_at if that is set."""

    staff_ref: str
    home: UUID
    role: str
    starts_at: datetime
    ends_at: datetime | None


class Timeline:
    """All roles of an organisation's people, asked by moment."""

    def __init__(self, held: Iterable[Held]) -> None:
        self._of: dict[str, list[Held]] = {}
        for row in held:
            self._of.setdefault(row.staff_ref, []).append(row)

    def instants(self, since: datetime, until: datetime) -> list[datetime]:
        """When anybody's role began or ended within the time; between two of them nothing changes."""
        ends = {at for rows in self._of.values() for row in rows for at in (row.starts_at, row.ends_at) if at}
        return sorted(at for at in ends if since < at < until)

    def role_at(self, actor: str, home: UUID | None, at: datetime) -> str:
        """The role an entry counts under; home None: no single home."""
        if actor.startswith("system:"):
            return SYSTEM
        if not actor.startswith("staff:"):
            return NOBODY
        roles = {
            row.role
            for row in self._of.get(actor, ())
            if (home is None or row.home == home) and row.starts_at <= at and (row.ends_at is None or at < row.ends_at)
        }
        return next((role.value for role in PRECEDENCE if role.value in roles), NO_ROLE)

    def homes_of(self, actor: str) -> set[UUID]:
        """Every home the person ever held a role in."""
        return {row.home for row in self._of.get(actor, ())}


def slices(since: datetime, until: datetime, cuts: Iterable[datetime]) -> list[datetime]:
    """The beginnings of the pieces that the cuts make of [since, until), ascending; the first is `since`."""
    return [since, *sorted({cut for cut in cuts if since < cut < until})]


def slice_at(starts: Sequence[datetime], at: datetime) -> datetime:
    return starts[bisect_right(starts, at) - 1]
