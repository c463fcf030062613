"""The reports there are, in the order in which they are listed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from compliance.reports import (
    access_by_role,
    break_glass,
    exports_made,
    failed_sign_ins,
    integrity,
    leavers,
    privileged,
)
from compliance.reports.entries import Scope
from compliance.reports.spans import Span
from compliance.reports.tables import ALL, Behind, Page, Report, Selection


class Make(Protocol):
    def __call__(self, scope: Scope, span: Span, *, full: bool = False, now: datetime | None = None) -> Report:
        """full: with every row, for a file; else long lists show their beginning."""


class List(Protocol):
    def __call__(
        self, scope: Scope, span: Span, chosen: Selection, *, page: Page = ALL, now: datetime | None = None
    ) -> Behind:
        """The list behind a figure. Raises BadSelection."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One report: its name in addresses and file names, its one question, and how it is made."""

    name: str
    title: str
    question: str
    make: Make
    behind: List
    icon: str


KINDS = {
    module.NAME: Kind(module.NAME, module.TITLE, module.QUESTION, module.report, module.behind, icon)
    for module, icon in (
        (access_by_role, "people"),
        (privileged, "key"),
        (leavers, "out"),
        (failed_sign_ins, "lock"),
        (exports_made, "down"),
        (break_glass, "bolt"),
        (integrity, "shield"),
    )
}
