"""Somebody outside the home who reads one resident's access report through a link: no account, no role, one right."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from compliance.models import AccessReportShare
from records.models import Resident


@dataclass(frozen=True, slots=True)
class Visitor:
    """Made by `services.visitor_of` alone, once the code was right and the link still opens.

    Not an access.Actor: an actor without staff is the system, which may do what no visitor may.
    """

    share: AccessReportShare
    resident: Resident
    receiver: str

    @property
    def ref(self) -> str:
        return self.share.ref

    @property
    def organisation_id(self) -> UUID:
        return self.share.organisation_id  # type: ignore[no-any-return]

    @property
    def since(self) -> datetime | None:
        """The report that this visitor may read begins here."""
        return self.share.since  # type: ignore[no-any-return]
