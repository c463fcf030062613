"""Names of the ledger entries of compliance. History, never orders; once used a name does not change."""

from enum import StrEnum


class ComplianceEvent(StrEnum):
    ITEM_CONFIRMED = "compliance.item.confirmed"
    CONFIRMATION_WITHDRAWN = "compliance.item.confirmation_withdrawn"
    PACK_REQUESTED = "compliance.pack.requested"
    PACK_BUILT = "compliance.pack.built"
    PACK_FAILED = "compliance.pack.failed"
    PACK_DOWNLOADED = "compliance.pack.downloaded"
    PACK_EXPIRED = "compliance.pack.expired"
    PACK_WRITTEN = "compliance.pack.written"
    ALERT_RAISED = "compliance.alert.raised"
    ALERT_CONTINUED = "compliance.alert.continued"
    ALERT_REVIEWED = "compliance.alert.reviewed"
    LEDGER_VIEWED = "compliance.ledger.viewed"  # what an entry says of residents was opened
    LEDGER_SEARCHED = "compliance.ledger.searched"  # for a person or a resident, to see their entries
    LEDGER_EXPORT_REQUESTED = "compliance.ledger.export_requested"
    LEDGER_EXPORTED = "compliance.ledger.exported"
    LEDGER_EXPORT_FAILED = "compliance.ledger.export_failed"
    LEDGER_EXPORT_DOWNLOADED = "compliance.ledger.export_downloaded"
    LEDGER_EXPORT_EXPIRED = "compliance.ledger.export_expired"
    ACCESS_REPORT_PRINTED = "compliance.access_report.printed"
    ACCESS_REPORT_SHARED = "compliance.access_report.shared"
    ACCESS_REPORT_OPENED = "compliance.access_report.opened"
    ACCESS_REPORT_CODE_REFUSED = "compliance.access_report.code_refused"
    ACCESS_REPORT_LINK_BLOCKED = "compliance.access_report.link_blocked"
    ACCESS_REPORT_WITHDRAWN = "compliance.access_report.withdrawn"
    ACCESS_REPORT_NAMES_CHOSEN = "compliance.access_report.names_chosen"
    ACCESS_QUESTION_ASKED = "compliance.access_question.asked"
    ACCESS_QUESTION_ANSWERED = "compliance.access_question.answered"
    ACCESS_ANSWER_CORRECTED = "compliance.access_question.answer_corrected"
    REPORT_EXPORTED = "compliance.report.exported"
    PRIVILEGED_REVIEWED = "compliance.privileged_activity.reviewed"
