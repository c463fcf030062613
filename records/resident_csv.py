"""Reading a home's residents from a CSV file. Pure: text in, rows or problems out.

All or nothing: one problem anywhere and no row counts. Every problem is told by line and column, all at once, so that
a file is put right in one go.
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from records import nhs_number
from records.errors import BadText
from records.text import cleaned

COLUMNS = (
    "title",
    "first_name",
    "last_name",
    "preferred_name",
    "born_on",
    "gender",
    "nhs_number",
    "room",
    "admitted_on",
    "allergies",
    "care_flags",
    "about_me",
)
REQUIRED = frozenset({"first_name", "last_name", "born_on", "gender", "allergies"})
LARGEST = 1024 * 1024  # bytes
MOST_ROWS = 500
_NAME, _TEXT = 100, 2_000
NONE_KNOWN, NOT_RECORDED = "none known", "not recorded"


@dataclass(frozen=True, slots=True)
class Problem:
    """line: as a text editor counts, the header being line 1; column: its name; message: what to do."""

    line: int
    column: str
    message: str


@dataclass(slots=True)
class Row:
    """One resident's values, ready for the service."""

    line: int
    values: dict[str, Any] = field(default_factory=dict)


def parse(content: bytes, *, genders: set[str], flags: set[str], today: date) -> tuple[list[Row], list[Problem]]:
    """The file's rows and problems; where there are problems the rows are not to be used.

    genders, flags: the values allowed. today: no date may lie after it.
    """
    if len(content) > LARGEST:
        return [], [Problem(1, "", "Split the file: it is larger than 1 MB.")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [], [Problem(line, "", "Save the file as CSV UTF-8: this line has a character that is not UTF-8.")]
    if "\x00" in text:
        return [], [
            Problem(text.count("\n", 0, text.index("\x00")) + 1, "", "This is not a text file. Save it as CSV UTF-8.")
        ]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return _read(reader, genders=genders, flags=flags, today=today)
    except csv.Error:
        return [], [Problem(reader.line_num, "", "Check the quotation marks on this line.")]


def _read(reader: Any, *, genders: set[str], flags: set[str], today: date) -> tuple[list[Row], list[Problem]]:
    header = [name.strip().lower() for name in next(reader, [])]
    problems = list(_header_problems(header))
    if problems:
        return [], problems
    readers = _readers(genders, flags, today)
    rows: list[Row] = []
    numbers: dict[str, int] = {}
    line = reader.line_num + 1
    for cells in reader:
        start, line = line, reader.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        if len(rows) >= MOST_ROWS:
            problems.append(Problem(start, "", f"Split the file: it has more than {MOST_ROWS} residents."))
            break
        if len(cells) != len(header):
            problems.append(Problem(start, "", f"This line has {len(cells)} cells and needs {len(header)}."))
            continue
        row = _row(start, dict(zip(header, cells, strict=True)), readers, problems)
        problems.extend(_repeated(row, numbers))
        rows.append(row)
    if not rows and not problems:
        problems.append(Problem(2, "", "Add at least one resident below the column names."))
    return rows, problems


def _header_problems(header: list[str]) -> Iterator[Problem]:
    for name in sorted(REQUIRED - set(header)):
        yield Problem(1, name, "Add this column.")
    for name in header:
        if name not in COLUMNS:
            yield Problem(1, name, "Remove this column or correct its name: it would be lost.")
    for name in sorted({name for name in header if header.count(name) > 1}):
        yield Problem(1, name, "Keep this column once.")


def _row(line: int, cells: dict[str, str], readers: dict[str, Callable[[str], Any]], problems: list[Problem]) -> Row:
    row = Row(line)
    for name in COLUMNS:
        cell = cells.get(name, "").strip()
        if not cell and name in REQUIRED:
            problems.append(Problem(line, name, _MISSING.get(name, "Fill this in.")))
            continue
        try:
            row.values[name] = readers[name](cell) if cell else None
        except (ValueError, BadText) as error:
            problems.append(Problem(line, name, str(error)))
    return row


_MISSING = {
    "allergies": f'Write the allergies, or "{NONE_KNOWN}" if somebody asked, or "{NOT_RECORDED}".',
    "gender": "Fill this in; write not_stated or not_known if that is so.",
}


def _repeated(row: Row, numbers: dict[str, int]) -> Iterator[Problem]:
    number = row.values.get("nhs_number")
    if number is None:
        return
    if number in numbers:
        yield Problem(row.line, "nhs_number", f"The same NHS number stands in line {numbers[number]}.")
    numbers.setdefault(number, row.line)


def _readers(genders: set[str], flags: set[str], today: date) -> dict[str, Callable[[str], Any]]:
    def name(cell: str) -> str:
        if "\n" in cell:
            raise ValueError("Write this on one line.")
        return cleaned(cell, longest=_NAME)

    def text(cell: str) -> str:
        return cleaned(cell, longest=_TEXT)

    def born(cell: str) -> date:
        value = _date(cell)
        if value > today or today.year - value.year > 120:
            raise ValueError("Check the date of birth: it must lie in the last 120 years.")
        return value

    def admitted(cell: str) -> date:
        value = _date(cell)
        if value > today:
            raise ValueError("Check the date: it lies in the future.")
        return value

    def gender(cell: str) -> str:
        return _one_of(cell.lower().replace(" ", "_"), genders)

    def number(cell: str) -> str:
        value = nhs_number.normalised(cell)
        if value is None:
            raise ValueError("Check the NHS number: its ten digits do not fit together.")
        return value

    def room(cell: str) -> str:
        if len(cell) > 10 or "\n" in cell:
            raise ValueError("Shorten the room to 10 characters.")
        return cleaned(cell, longest=10)

    def care_flags(cell: str) -> list[str]:
        return sorted({_one_of(part.strip().lower(), flags) for part in cell.split(";") if part.strip()})

    return {
        "title": name,
        "first_name": name,
        "last_name": name,
        "preferred_name": name,
        "born_on": born,
        "gender": gender,
        "nhs_number": number,
        "room": room,
        "admitted_on": admitted,
        "allergies": text,
        "care_flags": care_flags,
        "about_me": text,
    }


def _date(cell: str) -> date:
    for layout in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            return datetime.strptime(cell, layout).date()  # a date has no zone
        except ValueError:
            continue
    raise ValueError("Write the date as 1938-03-14 or 14/03/1938.")


def _one_of(value: str, allowed: set[str]) -> str:
    if value not in allowed:
        raise ValueError(f"Write one of: {', '.join(sorted(allowed))}.")
    return value
