"""What every page's frame shows: where, who, and the ways on that this person may take."""

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from access import printing, services
from access.actors import Actor, roles_now
from access.policies import ANYWHERE, AccessPermission
from access.policies import policy as access_policy
from access.roles import Role
from compliance.access_reports.queries import open_question_count
from compliance.anomalies.queries import open_alert_count
from compliance.policies import CompliancePermission
from compliance.policies import policy as compliance_policy
from records.policies import RecordPermission
from records.policies import policy as records_policy

WARN_SECONDS = 20
_DESK_ROLES = {Role.REGISTERED_MANAGER, Role.ADMINISTRATOR, Role.INSPECTOR}


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str
    icon: str
    current: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    heading: str
    links: list[Link]


@dataclass(slots=True)
class Shell:
    """The frame of a page; empty on pages that nobody has signed in to."""

    signed_in: bool = False
    layout: str = "tablet"
    home_name: str = ""
    wing: str = ""
    who: str = ""
    initials: str = ""
    role_label: str = ""
    theme: str = "device"
    idle_seconds: int = 120
    warn_seconds: int = WARN_SECONDS
    print_token: str = ""
    tabs: list[Link] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Lazy: an error page with no database asks nothing of it."""
    return {"shell": SimpleLazyObject(lambda: _shell(request))}


def _shell(request: Any) -> Shell:
    row, actor = getattr(request, "staff_session", None), getattr(request, "actor", None)
    if row is None or actor is None or row.locked_at is not None:
        return Shell()
    roles = roles_now(row.staff)
    homes = list(dict.fromkeys(name for _id, name, _role in roles))
    care, security, admin = _links(request, actor)
    sections = [Section(_("Care"), care), Section(_("Data security"), security), Section(_("Admin"), admin)]
    return Shell(
        signed_in=True,
        layout="desk" if {role for _id, _name, role in roles} & _DESK_ROLES and row.device is None else "tablet",
        home_name=row.device.care_home.name if row.device else homes[0] if len(homes) == 1 else _("Care records"),
        wing=row.device.name if row.device else "" if len(homes) == 1 else _("%(n)d homes") % {"n": len(homes)},
        who=row.staff.display_name,
        initials=row.staff.initials,
        role_label=str(roles[0][2].label) if roles else "",
        theme=row.staff.theme,
        idle_seconds=int(services.idle_limit(row).total_seconds()),
        print_token=printing.page_token(request),
        tabs=_tabs(care, security, admin),
        sections=[section for section in sections if section.links],
    )


def _tabs(care: list[Link], security: list[Link], admin: list[Link]) -> list[Link]:
    """The five that fit under a tablet's page: care first, then the overview, then everything else."""
    return [*care, *security[:3], *admin[-1:]][:5]


def _links(request: HttpRequest, actor: Actor) -> tuple[list[Link], list[Link], list[Link]]:
    def link(label: str, name: str, icon: str, count: int = 0) -> Link:
        url = reverse(name)
        exact = name == "compliance:dashboard"
        current = request.path == url if exact else request.path.startswith(url)
        return Link(label, url, icon, current, count)

    def may(policy: Any, permission: Any) -> bool:
        return bool(policy.allows(actor, permission, at=ANYWHERE))

    care = (
        [link(_("Residents"), "records:resident_list", "people")]
        if may(records_policy, RecordPermission.READ_RESIDENT)
        else []
    )
    security = []
    if may(compliance_policy, CompliancePermission.READ_DASHBOARD):
        security += [
            link(_("Overview"), "compliance:dashboard", "shield"),
            link(_("Evidence"), "compliance:items", "file"),
        ]
    if may(compliance_policy, CompliancePermission.READ_ALERT):
        security.append(link(_("Alerts"), "compliance:alerts", "bell", open_alert_count(actor)))
    if may(compliance_policy, CompliancePermission.READ_LEDGER):
        security.append(link(_("Audit log"), "compliance:ledger", "log"))
    if may(compliance_policy, CompliancePermission.ANSWER_ACCESS_QUESTION):
        security.append(link(_("Questions"), "compliance:access_questions", "people", open_question_count(actor)))
    if may(compliance_policy, CompliancePermission.READ_REPORT):
        security.append(link(_("Reports"), "compliance:reports", "search"))
    if may(compliance_policy, CompliancePermission.EXPORT_PACK):
        security.append(link(_("Evidence packs"), "compliance:packs", "down"))
    if may(compliance_policy, CompliancePermission.READ_BACKUPS):
        security.append(link(_("Backups"), "compliance:backups", "db"))
    admin = []
    if may(access_policy, AccessPermission.READ_STAFF):
        admin.append(link(_("People"), "access:people", "person"))
    if may(access_policy, AccessPermission.READ_DEVICE):
        admin.append(link(_("Tablets"), "access:devices", "tablet"))
    if may(records_policy, RecordPermission.READ_ERASURE):
        admin.append(link(_("Erased records"), "records:erasures", "cross"))
    admin.append(link(_("More"), "access:account", "more"))
    return care, security, admin
