"""Entries as files: CSV, Excel workbook, PDF, each written line by line, so that memory stays the same however long.

CSV and workbook are opened in spreadsheets, where a text that begins with `=` or `@` would run as a formula: such texts
are made harmless as in the evidence packs. Every file says at its head what was asked for, by whom, when and why.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from compliance.ledger.lines import MISSING, SEALED, SIGNED, WAITING, Line
from compliance.ledger.sentences import LONDON
from compliance.models import LedgerExport
from compliance.packs.answers import harmless, printable
from compliance.packs.paper import BRAND, LINE, QUIET, register_fonts

# How many entries one file holds at most; who needs more asks for shorter times, or for the whole log as an archive.
LIMITS = {
    LedgerExport.Format.CSV: 500_000,
    LedgerExport.Format.XLSX: 100_000,
    LedgerExport.Format.PDF: 5_000,
    LedgerExport.Format.PROOF: 100_000,
}
CONTENT_TYPES = {
    LedgerExport.Format.CSV: "text/csv; charset=utf-8",
    LedgerExport.Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    LedgerExport.Format.PDF: "application/pdf",
    LedgerExport.Format.PROOF: "application/zip",
}
COLUMNS = (
    ("Entry number", 14),
    ("When (London)", 20),
    ("When (UTC)", 28),
    ("Who", 24),
    ("What happened", 70),
    ("Role", 20),
    ("Care home", 24),
    ("Device", 20),
    ("Kind", 10),
    ("In the chain", 22),
)
STATES = {
    SIGNED: _("Sealed, signed checkpoint"),
    SEALED: _("Sealed"),
    WAITING: _("Waiting to be sealed"),
    MISSING: _("NOT SEALED"),
}


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above the entries: title, then lines such as the filters and who asked."""

    title: str
    notes: tuple[str, ...]


def row(line: Line) -> tuple[str, ...]:
    return (
        str(line.number or ""),
        _london(line.at),
        line.at.isoformat(timespec="microseconds"),
        line.who,
        line.sentence.text,
        line.role,
        line.home,
        line.device,
        line.kind,
        str(STATES[line.state]),
    )


def write(kind: str, path: Path, head: Head, lines: Iterator[Line]) -> None:
    _WRITERS[LedgerExport.Format(kind)](path, head, lines)


def _csv(path: Path, head: Head, lines: Iterator[Line]) -> None:
    """UTF-8 with a byte order mark, so that spreadsheets read the accents."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        for note in (head.title, *head.notes):
            writer.writerow([harmless(note)])
        writer.writerow([heading for heading, _width in COLUMNS])
        writer.writerows([harmless(cell) for cell in row(line)] for line in lines)


def _workbook(path: Path, head: Head, lines: Iterator[Line]) -> None:
    """openpyxl's write-only workbook: each row goes to disk as it comes."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Audit log")
    for number, (_heading, width) in enumerate(COLUMNS):
        sheet.column_dimensions[chr(ord("A") + number)].width = width
    sheet.freeze_panes = f"A{len(head.notes) + 3}"
    for note in (head.title, *head.notes):
        sheet.append([_cell(sheet, note)])
    sheet.append([_cell(sheet, heading, bold=True) for heading, _width in COLUMNS])
    for line in lines:
        sheet.append([_cell(sheet, text) for text in row(line)])
    book.save(path)


def _cell(sheet: Any, text: str, *, bold: bool = False) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, printable(text))
    cell.data_type = "s"  # never "f": nothing that a person wrote is a formula
    if harmless(text) != printable(text):
        cell.quotePrefix = True
    if bold:
        cell.font = Font(bold=True)
    return cell


_PAGE = landscape(A4)
_LEFT, _RIGHT, _TOP, _BOTTOM = 14 * mm, _PAGE[0] - 14 * mm, _PAGE[1] - 16 * mm, 16 * mm
_PDF_COLUMNS = ((0, 18 * mm), (1, 32 * mm), (4, 128 * mm), (5, 30 * mm), (6, 34 * mm), (9, 27 * mm))


def _pdf(path: Path, head: Head, lines: Iterator[Line]) -> None:
    """Drawn straight onto pages: a document of flowing paragraphs would be held in memory whole."""
    register_fonts()
    canvas = Canvas(str(path), pagesize=_PAGE, pageCompression=1, invariant=1, lang="en-GB")
    canvas.setTitle(printable(head.title))
    y = _pdf_head(canvas, head)
    for line in lines:
        cells = row(line)
        texts = [
            (simpleSplit(printable(cells[at]), "Atkinson", 8, width - 2 * mm), width) for at, width in _PDF_COLUMNS
        ]
        height = max(len(wrapped) for wrapped, _width in texts) * 10 + 5
        if y - height < _BOTTOM:
            _pdf_foot(canvas, head)
            y = _pdf_columns(canvas, _TOP)
        _pdf_row(canvas, texts, y)
        y -= height
    _pdf_foot(canvas, head)
    canvas.save()


def _pdf_head(canvas: Canvas, head: Head) -> float:
    y = _TOP
    canvas.setFillColor(BRAND)
    canvas.setFont("Atkinson-Bold", 15)
    canvas.drawString(_LEFT, y, printable(head.title))
    y -= 16
    canvas.setFillColor(QUIET)
    canvas.setFont("Atkinson", 9)
    for note in head.notes:
        for text in simpleSplit(printable(note), "Atkinson", 9, _RIGHT - _LEFT):
            canvas.drawString(_LEFT, y, text)
            y -= 12
    return _pdf_columns(canvas, y - 6)


def _pdf_columns(canvas: Canvas, y: float) -> float:
    canvas.setFillColor(QUIET)
    canvas.setFont("Atkinson-Bold", 8)
    x = _LEFT
    for at, width in _PDF_COLUMNS:
        canvas.drawString(x, y, COLUMNS[at][0])
        x += width
    canvas.setStrokeColor(LINE)
    canvas.line(_LEFT, y - 4, _RIGHT, y - 4)
    return y - 15


def _pdf_row(canvas: Canvas, texts: Sequence[tuple[list[str], float]], y: float) -> None:
    canvas.setFillColorRGB(0.13, 0.17, 0.2)
    canvas.setFont("Atkinson", 8)
    x = _LEFT
    for wrapped, width in texts:
        for number, text in enumerate(wrapped):
            canvas.drawString(x, y - number * 10, text)
        x += width


def _pdf_foot(canvas: Canvas, head: Head) -> None:
    canvas.setFillColor(QUIET)
    canvas.setFont("Atkinson", 8)
    canvas.drawString(_LEFT, 9 * mm, printable(head.title))
    canvas.drawRightString(_RIGHT, 9 * mm, f"Page {canvas.getPageNumber()}")
    canvas.showPage()


def _london(at: datetime) -> str:
    return f"{at.astimezone(LONDON):%Y-%m-%d %H:%M:%S}"


_WRITERS = {LedgerExport.Format.CSV: _csv, LedgerExport.Format.XLSX: _workbook, LedgerExport.Format.PDF: _pdf}
