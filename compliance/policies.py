"""Who may see where the organisation stands, who may sign for it, and who is told of unusual access."""

from access.policies import Permission, Policy
from access.roles import Role


class CompliancePermission(Permission):
    READ_DASHBOARD = "compliance.dashboard.read"
    CONFIRM_ITEM = "compliance.item.confirm"
    EXPORT_PACK = "compliance.pack.export"
    BUILD_PACK = "compliance.pack.build"
    READ_ALERT = "compliance.alert.read"
    REVIEW_ALERT = "compliance.alert.review"
    RAISE_ALERT = "compliance.alert.raise"
    READ_BACKUPS = "compliance.backups.read"
    READ_LEDGER = "compliance.ledger.read"
    EXPORT_LEDGER = "compliance.ledger.export"
    BUILD_LEDGER_EXPORT = "compliance.ledger.build_export"


_READS = {
    CompliancePermission.READ_DASHBOARD,
    CompliancePermission.READ_BACKUPS,
    CompliancePermission.READ_LEDGER,
}
_ANSWERS_FOR_IT = {
    CompliancePermission.EXPORT_PACK,
    CompliancePermission.READ_ALERT,
    CompliancePermission.REVIEW_ALERT,
    CompliancePermission.EXPORT_LEDGER,
}

policy = Policy(
    "compliance",
    permissions=CompliancePermission,
    grants={
        Role.REGISTERED_MANAGER: _READS | _ANSWERS_FOR_IT | {CompliancePermission.CONFIRM_ITEM},
        Role.ADMINISTRATOR: _READS | _ANSWERS_FOR_IT,
        Role.INSPECTOR: _READS,
        Role.SYSTEM: {
            CompliancePermission.BUILD_PACK,
            CompliancePermission.RAISE_ALERT,
            CompliancePermission.BUILD_LEDGER_EXPORT,
        },
    },
)
