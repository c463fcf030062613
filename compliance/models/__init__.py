from compliance.models.alert import Alert, ScanMark
from compliance.models.confirmation import Confirmation
from compliance.models.pack import Pack

__all__ = ["Alert", "Confirmation", "Pack", "ScanMark"]
