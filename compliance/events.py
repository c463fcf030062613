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
    LEDGER_EXPORT_REQUESTED = "compliance.ledger.export_requested"
    LEDGER_EXPORTED = "compliance.ledger.exported"
    LEDGER_EXPORT_FAILED = "compliance.ledger.export_failed"
    LEDGER_EXPORT_DOWNLOADED = "compliance.ledger.export_downloaded"
    LEDGER_EXPORT_EXPIRED = "compliance.ledger.export_expired"
