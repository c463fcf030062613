"""A report as a file: CSV, workbook, PDF. Pure; the same report gives the same bytes.

Everything that a person wrote is neutralised for spreadsheets and escaped for print.
"""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, SimpleDocTemplate

from compliance.packs import answers
from compliance.packs.answers import harmless, printable
from compliance.packs.paper import QUIET, facts, grid, paragraph, register_fonts
from compliance.reports.spans import moment
from compliance.reports.tables import Cell, Report, Table


class Format(StrEnum):
    """The kinds of file."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PDF: "application/pdf",
}
_SHEET_NAME = re.compile(r"[\[\]:*?/\\]")


@dataclass(frozen=True, slots=True)
class About:
    """What every file says of itself. homes: whose entries are in it."""

    organisation: str
    homes: tuple[str, ...]
    title: str
    question: str
    period: str
    made_by: str
    made_at: datetime

    def facts(self, report: Report) -> list[tuple[str, str]]:
        return [
            ("Report", self.title),
            ("Question", self.question),
            ("Answer", report.answer),
            ("Organisation", self.organisation),
            ("Homes", ", ".join(self.homes) or "None"),
            ("Period", f"{self.period} (days in London)"),
            ("Made", f"{moment(self.made_at)}, by {self.made_by}"),
            *((figure.label, f"{figure.value:,}") for figure in report.figures),
            *(("Note", note) for note in report.notes),
        ]


def as_file(form: Format, about: About, report: Report) -> bytes:
    return {Format.CSV: as_csv, Format.XLSX: as_workbook, Format.PDF: as_pdf}[form](about, report)


def as_csv(about: About, report: Report) -> bytes:
    """The tables one below the other, each under its title, with an empty line between; first what it is about."""
    body: list[list[str]] = [[name, value] for name, value in about.facts(report)]
    for table in report.tables:
        body += [[], [table.title], [column.heading for column in table.columns]]
        body += [[_plain(cell) for cell in row] for row in table.rows] or [[table.empty]]
    return answers.as_csv([harmless(about.title)], body)


def _plain(cell: Cell) -> str:
    return cell.text if cell.number is None else str(cell.number)


def as_workbook(about: About, report: Report) -> bytes:
    """A sheet of what it is about, then one for each table."""
    sheets: list[answers.Sheet] = [("About", (("What", 24), ("Says", 100)), about.facts(report))]
    for table in report.tables:
        columns = [(column.heading, column.width) for column in table.columns]
        body: list[list[str | int]] = [
            [cell.text if cell.number is None else cell.number for cell in row] for row in table.rows
        ]
        sheets.append((_SHEET_NAME.sub(" ", table.title)[:31], columns, body or [[table.empty]]))
    return answers.workbook(sheets, about.made_at)


def as_pdf(about: About, report: Report) -> bytes:
    """Landscape, so that the widest table is read without a magnifying glass."""
    register_fonts()
    made, page = io.BytesIO(), landscape(A4)
    title = f"{about.title}, {printable(about.organisation)}"
    document = SimpleDocTemplate(
        made, pagesize=page, invariant=1, title=title, author=printable(about.organisation), lang="en-GB",
        leftMargin=18 * mm, rightMargin=18 * mm, topMargin=16 * mm, bottomMargin=18 * mm,
    )  # fmt: skip
    footer = f"{title}. {about.period}. Made {moment(about.made_at)}."

    def foot(canvas: Any, _document: Any) -> None:
        canvas.saveState()
        canvas.setFont("Atkinson", 8)
        canvas.setFillColor(QUIET)
        canvas.drawString(18 * mm, 10 * mm, footer)
        canvas.drawRightString(page[0] - 18 * mm, 10 * mm, f"Page {canvas.getPageNumber()}")
        canvas.restoreState()

    document.build(list(_story(about, report, page[0] - 36 * mm)), onFirstPage=foot, onLaterPages=foot)
    return made.getvalue()


def _story(about: About, report: Report, width: float) -> Iterator[Flowable]:
    yield paragraph(about.title, "title")
    yield paragraph(about.question, "h2")
    yield paragraph(report.answer, "lead")
    yield facts([fact for fact in about.facts(report) if fact[0] not in {"Report", "Question", "Answer"}])
    for table in report.tables:
        yield paragraph(table.title, "h2")
        yield paragraph(table.empty) if not table.rows else _grid(table, width)


def _grid(table: Table, width: float) -> Flowable:
    whole = sum(column.width for column in table.columns)
    widths = tuple(width * column.width / whole for column in table.columns)
    head: list[list[Any]] = [[column.heading for column in table.columns]]
    body: Sequence[list[Any]] = [[paragraph(cell.text) for cell in row] for row in table.rows]
    return grid(head + list(body), widths)
