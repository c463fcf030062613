"""Which role may do what in a care home, as it stands in the tables, held against what the ledger says of it.

A home's rights are rows of django-guardian's table (access.models.CareHomeGrant), without a ref of their own. The entry
that made the home says them all; a release that brings a permission says so in an entry of each home. A right that
neither tells of was given behind the application's back.
"""

from uuid import UUID

from access.models import CareHome, CareHomeGrant
from access.policies import default_permissions
from access.roles import ASSIGNABLE
from audit.chain import BreakKind
from audit.entries import open_details
from audit.errors import Unopenable
from audit.models import Event
from audit.record_seals import RecordMismatch, also_check, latest_changes

DETAIL = "rights"  # the key under which an entry about a home says them
_ADDED = "access.permission.added"


def of_home(home: CareHome) -> dict[str, list[str]]:
    """Permissions by group name, sorted; groups of other homes too, should one hold a right here."""
    rows = CareHomeGrant.objects.filter(organisation_id=home.organisation_id, content_object_id=home.pk).values_list(
        "group__name", "permission__codename"
    )
    found: dict[str, list[str]] = {}
    for group, permission in sorted(rows):
        found.setdefault(group, []).append(permission)
    return found


@also_check
def first_rights_mismatch(organisation_id: UUID) -> RecordMismatch | None:
    """The first home whose rights are not those that its entries tell of."""
    for home in CareHome.objects.filter(organisation_id=organisation_id).order_by("pk"):
        latest = _latest_rights(home)
        if latest is None:
            continue  # made before a home's rights were sealed
        seq, sealed = latest
        actual = {(group, name) for group, names in of_home(home).items() for name in names}
        told = {(group, name) for group, names in sealed.items() for name in names}
        if told - actual or actual - told - _brought_by_releases(home):
            return RecordMismatch(seq=seq, kind=BreakKind.RECORD_MISMATCH.value, subject=home.ref)
    return None


def _latest_rights(home: CareHome) -> tuple[int, dict[str, list[str]]] | None:
    """What the home's latest entry that tells its rights says, and its number."""
    latest = latest_changes(home.organisation_id, [home.ref]).get(home.ref)
    entries = Event.objects.filter(organisation_id=home.organisation_id, subject=home.ref, kind="change").order_by(
        "-at"
    )
    for event in entries:
        try:
            told = open_details(event).get(DETAIL)
        except Unopenable:
            return (latest[0] if latest else 0), {}
        if told is not None:
            return (latest[0] if latest else 0), told
    return None


def _brought_by_releases(home: CareHome) -> set[tuple[str, str]]:
    """The entries say which permissions a release brought; its policy says for which roles."""
    names = {
        subject.removeprefix("permission:")
        for subject in Event.objects.filter(
            organisation_id=home.organisation_id, care_home_id=home.pk, action=_ADDED
        ).values_list("subject", flat=True)
    }
    return {
        (f"care_home:{home.pk}:{role.value}", name)
        for role in ASSIGNABLE
        for name in names & {str(permission) for permission in default_permissions(role)}
    }
