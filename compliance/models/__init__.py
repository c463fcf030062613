from compliance.models.access_report import AccessAnswer, AccessQuestion, AccessReportSetting, AccessReportShare
from compliance.models.alert import Alert, ScanMark
from compliance.models.confirmation import Confirmation
from compliance.models.ledger_export import LedgerExport
from compliance.models.pack import Pack
from compliance.models.privileged_review import PrivilegedReview

__all__ = [
    "AccessAnswer",
    "AccessQuestion",
    "AccessReportSetting",
    "AccessReportShare",
    "Alert",
    "Confirmation",
    "LedgerExport",
    "Pack",
    "PrivilegedReview",
    "ScanMark",
]
