"""Who is behind the refs of a report, in words: full name and job for managers, the organisation's choice for others.

A colleague's name is shown because acting in one's job is no private matter; the setting is explained where it is kept
(compliance.models.AccessReportSetting). Of other people who hold a link, a family sees only that there is one.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from access.models import ApiToken, Device, Grant, RoleHolding, Staff
from access.roles import Role
from compliance.models import AccessReportSetting, AccessReportShare


@dataclass(frozen=True, slots=True)
class Person:
    """name: who it is, as the reader may know it. job: empty for people who do not work here."""

    name: str
    job: str = ""

    @property
    def described(self) -> str:
        return f"{self.name}, {self.job}" if self.job and self.job.casefold() != self.name.casefold() else self.name


def names_setting(organisation_id: UUID) -> str:
    """How the organisation names its staff on what leaves the house."""
    row = AccessReportSetting.objects.filter(organisation_id=organisation_id).first()
    return str(row.names) if row else AccessReportSetting.Names.FULL.value


def people(
    organisation_id: UUID,
    refs: set[str],
    *,
    care_home_id: UUID,
    names: str = AccessReportSetting.Names.FULL,
    own_ref: str = "",
) -> dict[str, Person]:
    """Everybody behind the refs, four queries at most. own_ref: the visitor who reads; empty for staff, who see all."""
    ids = {kind: _ids(refs, kind) for kind in ("staff", AccessReportShare.ref_kind)}
    found = _staff(organisation_id, ids["staff"], care_home_id, names) if ids["staff"] else {}
    if ids[AccessReportShare.ref_kind]:
        found |= _visitors(organisation_id, ids[AccessReportShare.ref_kind], own_ref)
    for ref in refs - set(found):
        found[ref] = Person(_("The system") if ref.startswith("system:") else _("Somebody unknown"))
    return found


def jobs(
    organisation_id: UUID, staff_ids: set[UUID], care_home_id: UUID, at: datetime | None = None
) -> dict[UUID, str]:
    """Each person's job: as it is now or was last, at the resident's home if they work there. Two queries.

    at: what it was then; people without a job at that moment are left out.
    """
    when, columns = at or timezone.now(), ("staff_id", "care_home_id", "role", "starts_at", "ends_at")
    held = RoleHolding.objects.filter(organisation_id=organisation_id, staff_id__in=staff_ids, starts_at__lte=when)
    granted = Grant.objects.filter(
        organisation_id=organisation_id, staff_id__in=staff_ids, starts_at__lte=when, effect=Grant.Effect.ALLOW
    )
    if at is not None:
        held = held.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at))
        granted = granted.filter(ends_at__gt=at)
    best: dict[UUID, tuple[bool, bool, datetime]] = {}
    found: dict[UUID, str] = {}
    for staff_id, home, role, starts_at, ends_at in [*held.values_list(*columns), *granted.values_list(*columns)]:
        rank = (ends_at is None or ends_at > when, home == care_home_id, starts_at)
        if staff_id not in best or rank > best[staff_id]:
            best[staff_id], found[staff_id] = rank, str(Role(role).label)
    return found


def devices(organisation_id: UUID, refs: set[str]) -> dict[str, str]:
    """Where it was done, by ref: a tablet's name, or that a connected program did it. Two queries at most."""
    tablets, tokens = _ids(refs, Device.ref_kind), _ids(refs, ApiToken.ref_kind)
    found: dict[str, str] = {}
    if tablets:
        for device in Device.objects.filter(organisation_id=organisation_id, pk__in=tablets):
            found[device.ref] = device.name
    if tokens:
        for token in ApiToken.objects.filter(organisation_id=organisation_id, pk__in=tokens):
            found[token.ref] = _("the connected program “%(name)s”") % {"name": token.name}
    return found


def _staff(organisation_id: UUID, ids: set[UUID], care_home_id: UUID, names: str) -> dict[str, Person]:
    held, now = jobs(organisation_id, ids, care_home_id), timezone.now()
    found = {}
    for member in Staff.objects.filter(organisation_id=organisation_id, pk__in=ids):
        job = held.get(member.pk, _("Member of staff"))
        shown = job
        if member.access_ended_at is not None and member.access_ended_at <= now:
            shown = _("%(job)s, has left") % {"job": job}
        if names == AccessReportSetting.Names.JOB:
            found[member.ref] = Person(shown)
        else:
            first = names == AccessReportSetting.Names.FIRST
            found[member.ref] = Person(member.first_name if first else member.display_name, shown)
    return found


def _visitors(organisation_id: UUID, ids: set[UUID], own_ref: str) -> dict[str, Person]:
    found = {}
    for share in AccessReportShare.objects.filter(organisation_id=organisation_id, pk__in=ids):
        if not own_ref:
            found[share.ref] = Person(f"{share.receiver} ({share.relation})")
        else:
            found[share.ref] = Person(
                _("You") if share.ref == own_ref else _("Somebody else with a link from the home")
            )
    return found


def _ids(refs: set[str], kind: str) -> set[UUID]:
    return {UUID(ref.partition(":")[2]) for ref in refs if ref.startswith(f"{kind}:") and _is_uuid(ref)}


def _is_uuid(ref: str) -> bool:
    try:
        UUID(ref.partition(":")[2])
    except ValueError:
        return False
    return True
