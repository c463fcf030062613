"""What compliance refuses, each saying what to do next."""

from uuid import UUID


class ComplianceError(Exception):
    """Root of this app's errors."""


class BadEdition(ComplianceError):
    """An edition's file does not hold together; the message names the place. Correct the file."""


class UnknownEdition(ComplianceError):
    """There is no edition of that key; the message lists those there are."""


class UnknownItem(ComplianceError):
    """The edition has no such evidence item."""


class UnknownCollector(ComplianceError):
    """No collector of that name is registered."""


class ContradictedByEvidence(ComplianceError):
    """What the system sees says otherwise; put that right first, then confirm."""


class NothingToWithdraw(ComplianceError):
    """The item has no standing confirmation."""


class ValidUntilOutOfRange(ComplianceError):
    """A confirmation has to end after today and within the item's review period."""


class StatementMissing(ComplianceError):
    """A confirmation says in words what was checked."""


class ReasonMissing(ComplianceError):
    """An evidence pack leaves the house, so somebody has to say why."""


class PackInProgress(ComplianceError):
    """One is being made already; wait for it. `pack_id` is its id."""

    def __init__(self, pack_id: UUID) -> None:
        super().__init__("An evidence pack is being made already.")
        self.pack_id = pack_id


class PackNotReady(ComplianceError):
    """The pack is still being made, has failed or has expired; there is nothing to download."""


class PackBuildFailed(ComplianceError):
    """The pack could not be made; the message is a plain reason to show."""


class AlertAlreadyReviewed(ComplianceError):
    """A review is final; somebody has already given a verdict."""


class OwnAlert(ComplianceError):
    """Nobody reviews an alert about their own access; ask another manager."""


class UnknownAlert(ComplianceError):
    """There is no such alert for this person. Answer 404."""


class LedgerExportInProgress(ComplianceError):
    """This person's file is being made already; wait for it. `export_id` is its id."""

    def __init__(self, export_id: UUID) -> None:
        super().__init__("A file of the audit log is being made already.")
        self.export_id = export_id


class LedgerExportNotReady(ComplianceError):
    """The file is still being made, has failed or has expired; there is nothing to download."""


class LedgerExportFailed(ComplianceError):
    """The file could not be made; the message is a plain reason to show."""
