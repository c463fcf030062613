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
    READ_ACCESS_REPORT = "compliance.access_report.read"  # who looked at one resident's record
    SHARE_ACCESS_REPORT = "compliance.access_report.share"  # links and letters that leave the house
    ASK_ABOUT_ACCESS = "compliance.access_question.ask"  # for a resident who asks by word of mouth
    ANSWER_ACCESS_QUESTION = "compliance.access_question.answer"
    READ_REPORT = "compliance.report.read"
    EXPORT_REPORT = "compliance.report.export"
    REVIEW_PRIVILEGED = "compliance.privileged_activity.review"


_READS = {
    CompliancePermission.READ_DASHBOARD,
    CompliancePermission.READ_BACKUPS,
    CompliancePermission.READ_LEDGER,
    CompliancePermission.READ_REPORT,
}
_ANSWERS_FOR_IT = {
    CompliancePermission.EXPORT_PACK,
    CompliancePermission.READ_ALERT,
    CompliancePermission.REVIEW_ALERT,
    CompliancePermission.EXPORT_LEDGER,
    CompliancePermission.SHARE_ACCESS_REPORT,
    CompliancePermission.ANSWER_ACCESS_QUESTION,
    CompliancePermission.EXPORT_REPORT,
    CompliancePermission.REVIEW_PRIVILEGED,
}
_SPEAKS_FOR_RESIDENTS = {CompliancePermission.READ_ACCESS_REPORT, CompliancePermission.ASK_ABOUT_ACCESS}

policy = Policy(
    "compliance",
    permissions=CompliancePermission,
    grants={
        Role.REGISTERED_MANAGER: _READS | _ANSWERS_FOR_IT | _SPEAKS_FOR_RESIDENTS | {CompliancePermission.CONFIRM_ITEM},
        Role.ADMINISTRATOR: _READS | _ANSWERS_FOR_IT | _SPEAKS_FOR_RESIDENTS,
        Role.SENIOR_CARER: _SPEAKS_FOR_RESIDENTS,
        Role.INSPECTOR: _READS,
        Role.SYSTEM: {
            CompliancePermission.BUILD_PACK,
            CompliancePermission.RAISE_ALERT,
            CompliancePermission.BUILD_LEDGER_EXPORT,
        },
    },
)
