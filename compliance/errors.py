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


class ExpiryOutOfRange(ComplianceError):
    """A link to an access report runs for one to ninety days."""


class LinkShownAlready(ComplianceError):
    """The same form was sent before; its link was shown then and can be shown no more. Make a new one."""


class UnknownLink(ComplianceError):
    """No link of this address opens anything: unknown, withdrawn, blocked, or its resident was erased."""


class WrongCode(ComplianceError):
    """The code does not belong to the link. Try again."""


class LinkBlocked(ComplianceError):
    """Too many wrong codes; the link opens no more. Ask the care home for a new one."""


class LinkExpired(ComplianceError):
    """The code is right and the link's time is over. Ask the care home for a new one. `share` is the link."""

    def __init__(self, share: object) -> None:
        super().__init__("The link's time is over.")
        self.share = share


class AlreadyWithdrawn(ComplianceError):
    """The link opens nothing any more."""


class UnknownLook(ComplianceError):
    """No entry of that id names this resident within the report's time, or it is the system's own."""


class AlreadyAsked(ComplianceError):
    """The same person asked about the same line before; the answer comes on that question."""


class AlreadyAnswered(ComplianceError):
    """Somebody answered or corrected meanwhile. Read that answer; correct it if it is wrong."""


class OwnAccess(ComplianceError):
    """Nobody answers a question about their own access; ask another manager."""


class MonthNotOver(ComplianceError):
    """A month is reviewed once it is over; come back on the first of the next."""


class NothingToReview(ComplianceError):
    """Nobody else used administrator rights in that month; nobody reviews their own acts."""
