"""What a report is made of, whatever it is about: figures, tables, and the list behind each figure. Pure.

One report feeds the page, the CSV, the workbook, the PDF and the evidence pack, so they cannot tell different stories.
A figure names the list behind it by a selection, such as `what=views;role=nurse`; the same code that counts the figure
makes the list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Mood(StrEnum):
    """How a report or a cell stands: always said in words as well."""

    GOOD = "green"
    LOOK = "orange"
    BAD = "red"
    PLAIN = "grey"


class BadSelection(ValueError):
    """A figure of that name is not on the report."""


Selection = Mapping[str, str]


def selection(text: str) -> dict[str, str]:
    """`role=nurse;what=views` as a mapping. Raises BadSelection."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not name or not equals or name in found:
            raise BadSelection(text)
        found[name] = value
    return found


def figure_key(**parts: str) -> str:
    return ";".join(f"{name}={value}" for name, value in parts.items())


@dataclass(frozen=True, slots=True)
class Cell:
    """text: what is read. number: the same as a number, if it is one. figure: selects the list behind it."""

    text: str
    number: int | None = None
    figure: str = ""
    mood: Mood | None = None
    heat: int = 0


def words(text: str, mood: Mood | None = None) -> Cell:
    return Cell(text, mood=mood)


def amount(value: int, figure: str = "", *, mood: Mood | None = None, heat: int = 0) -> Cell:
    """A number; nothing lies behind a nought, so it leads nowhere."""
    return Cell(f"{value:,}", value, figure if value else "", mood, heat)


@dataclass(frozen=True, slots=True)
class Column:
    """width: of the workbook's column, and its share of the printed page."""

    heading: str
    width: int = 16
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """empty: what it means that there are no rows. total: how many rows there are when only the first are here."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    empty: str
    note: str = ""
    total: int | None = None
    figure: str = ""
    heat: bool = False

    @property
    def left_out(self) -> int:
        return 0 if self.total is None else self.total - len(self.rows)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number in large type, with what it counts."""

    label: str
    value: int
    figure: str = ""
    mood: Mood = Mood.PLAIN


@dataclass(frozen=True, slots=True)
class Report:
    """answer: the question's answer in a sentence. notes: how it was counted, and what it cannot see."""

    answer: str
    mood: Mood
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def row_count(self) -> int:
        return sum(len(table.rows) for table in self.tables)


@dataclass(frozen=True, slots=True)
class Behind:
    """One page of the list behind a figure. total: what the figure says; rows_total: how many rows the list has."""

    title: str
    total: int
    rows_total: int
    table: Table = field(default_factory=lambda: Table("behind", "", (), (), ""))


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted; limit None is all of it."""

    offset: int = 0
    limit: int | None = None

    def of(self, rows: Sequence[object]) -> slice:
        return slice(self.offset, None if self.limit is None else self.offset + self.limit)


ALL = Page()


def counted(number: int, one: str, many: str = "") -> str:
    """1 entry, 2 entries."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
