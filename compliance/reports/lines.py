"""Ledger entries as the rows of a list: when, who, what, about what, where, on which tablet, how often."""

from collections.abc import Sequence

from compliance.reports.entries import Entry, Names, Scope, details, what
from compliance.reports.spans import moment
from compliance.reports.tables import ALL, Behind, Cell, Column, Page, Table, amount, words

COLUMNS = (
    Column("When", 24),
    Column("Who", 24),
    Column("What", 30),
    Column("About", 24),
    Column("Home", 20),
    Column("Tablet", 18),
    Column("Times", 8, number=True),
)
NOTHING = "Nothing of this kind is in the audit log for these days."


def lines(scope: Scope, found: Sequence[Entry]) -> list[tuple[Cell, ...]]:
    """One row per entry. Three queries, however many."""
    names, told = Names.of(scope, found), details(scope.organisation_id, found)
    return [
        (
            words(moment(entry.at)),
            words(names.who(entry.actor)),
            words(what(entry, told.get(entry.id))),
            words(names.subject(entry.subject)),
            words(scope.home_name(entry.home)),
            words(names.device(entry.device)),
            amount(entry.times),
        )
        for entry in found
    ]


def table(scope: Scope, found: Sequence[Entry], *, key: str, title: str, page: Page = ALL, figure: str = "") -> Table:
    """The entries as a table; with a page only those of it, and `total` says how many there are."""
    shown = found[page.of(found)]
    return Table(key, title, COLUMNS, lines(scope, shown), NOTHING, total=len(found), figure=figure)


def behind(scope: Scope, found: Sequence[Entry], title: str, page: Page) -> Behind:
    """The list behind a figure that counts how often."""
    times = sum(entry.times for entry in found)
    return Behind(title, times, len(found), table(scope, found, key="behind", title=title, page=page))
