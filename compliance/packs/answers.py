"""The answer sheet of an evidence pack, as CSV and as a workbook, in the order of the toolkit.

Both are opened in spreadsheets, where a text that begins with `=` or `@` runs as a formula. Such texts get an
apostrophe in the CSV and are stored as quoted text in the workbook.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from compliance.dspt.assessment import Assessed, Assessment
from compliance.dspt.edition import Answer, Level

COLUMNS = (
    ("Item", 8),
    ("Title", 34),
    ("Question (paraphrase)", 60),
    ("Level", 22),
    ("Kind of answer", 16),
    ("State", 14),
    ("Answer", 60),
    ("Confirmed by", 24),
    ("Confirmed at (UTC)", 20),
    ("Valid until", 14),
    ("What the system found", 60),
    ("What counts as evidence", 50),
    ("When Not applicable may be answered", 40),
    ("Reference verified", 12),
)
LEVELS = {Level.APPROACHING: "Approaching Standards", Level.MET: "Standards Met", Level.OPTIONAL: "Not mandatory"}
KINDS = {Answer.YES_NO: "Tick box", Answer.TEXT: "Text", Answer.DOCUMENT: "Document"}

_FORMULA = re.compile(r"^\s*[=+\-@\t\r]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_SAVED_AT = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


def rows(assessment: Assessment, names: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """One row of texts for each mandatory item. names: a person's name by ref."""
    for assessed in assessment.mandatory:
        yield _row(assessed, names)


def _row(assessed: Assessed, names: Mapping[str, str]) -> tuple[str, ...]:
    item, standing, finding = assessed.item, assessed.standing, assessed.finding
    return (
        item.ref,
        item.title,
        item.question,
        LEVELS[item.level],
        KINDS[item.answer],
        assessed.state.value.capitalize(),
        standing.statement if standing else "",
        names.get(standing.confirmed_by, standing.confirmed_by) if standing else "",
        f"{standing.confirmed_at:%Y-%m-%d %H:%M}" if standing else "",
        standing.valid_until.isoformat() if standing else "",
        finding.statement if finding else "",
        "; ".join(item.evidence),
        item.not_applicable,
        "yes" if item.verified else "no",
    )


def as_csv(header: Sequence[str], body: Sequence[Sequence[str]]) -> bytes:
    """Comma-separated, CRLF, UTF-8 with a byte order mark, so that spreadsheets read the accents."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([harmless(cell) for cell in row] for row in body)
    return text.getvalue().encode("utf-8-sig")


Columns = Sequence[tuple[str, int]]
Sheet = tuple[str, Columns, Sequence[Sequence[str | int]]]  # title, columns, rows


def as_workbook(title: str, columns: Columns, body: Sequence[Sequence[str]], at: datetime) -> bytes:
    """An .xlsx of one sheet, whose bytes depend on nothing but the arguments."""
    return workbook([(title, columns, body)], at)


def workbook(sheets: Sequence[Sheet], at: datetime) -> bytes:
    """An .xlsx whose bytes depend on nothing but the arguments. Texts are stored as texts, whole numbers as numbers."""
    book = Workbook()
    book.remove(book.worksheets[0])  # a new workbook has one sheet
    for title, columns, body in sheets:
        _fill(book.create_sheet(title), columns, body)
    raw = io.BytesIO()
    book.save(raw)
    return _settled(raw.getvalue(), at)


def _fill(sheet: Worksheet, columns: Columns, body: Sequence[Sequence[str | int]]) -> None:
    sheet.append([heading for heading, _ in columns])
    for number, (_, width) in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
        sheet.cell(1, number).font = Font(bold=True)
    for y, row in enumerate(body, start=2):
        for x, value in enumerate(row, start=1):
            _write(sheet.cell(y, x), value)
    sheet.freeze_panes = "C2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{len(body) + 1}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = "1:1"


def _write(cell: Cell, value: str | int) -> None:
    if isinstance(value, int):
        cell.value = value
        return
    cell.value = printable(value)
    cell.data_type = "s"  # never "f": what a person wrote is not a formula
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    if _FORMULA.match(value):
        cell.quotePrefix = True


def harmless(text: str) -> str:
    """A text no spreadsheet takes for a formula."""
    text = printable(text)
    return f"'{text}" if _FORMULA.match(text) else text


def printable(text: str) -> str:
    """Without the control characters that neither a workbook nor a reader can show."""
    return _CONTROL.sub("", text)


def _settled(book: bytes, at: datetime) -> bytes:
    """The same workbook with the time of its making in place of the time of its saving."""
    stamp = f"{at:%Y-%m-%dT%H:%M:%SZ}".encode()
    settled = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as source, zipfile.ZipFile(settled, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "docProps/core.xml":
                data = _SAVED_AT.sub(rb"\g<1>" + stamp, data)
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, data)
    return settled.getvalue()
