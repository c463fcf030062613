from compliance.models.alert import Alert, ScanMark
from compliance.models.confirmation import Confirmation
from compliance.models.ledger_export import LedgerExport
from compliance.models.pack import Pack

__all__ = ["Alert", "Confirmation", "LedgerExport", "Pack", "ScanMark"]
