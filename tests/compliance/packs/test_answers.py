import csv
import io
import zipfile
from datetime import UTC, date, datetime

import pytest
from openpyxl import load_workbook

from compliance.dspt import collectors
from compliance.dspt.assessment import Standing, assess
from compliance.dspt.collectors import Verdict
from compliance.dspt.edition import EDITIONS, load
from compliance.packs.answers import COLUMNS, as_csv, as_workbook, harmless, rows

KNOWN = collectors.names()
EDITION = load((EDITIONS / "2025-26.toml").read_text(encoding="utf-8"), known=KNOWN)
AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
HEADER = [heading for heading, _ in COLUMNS]


def sheet_of(statement):
    standing = Standing(statement, "staff:a", AT, date(2027, 5, 1), Verdict.MET)
    assessment = assess(EDITION, findings={}, standings={"1.1.1": standing}, today=AT.date())
    return list(rows(assessment, {"staff:a": "Ann Łee"}))


def test_rows_has_all_mandatory_items_in_the_order_of_the_toolkit():
    body = sheet_of("Z1234567")

    assert [row[0] for row in body] == [item.ref for item in EDITION.mandatory]
    first = dict(zip(HEADER, body[0], strict=True))
    assert (first["State"], first["Answer"], first["Confirmed by"]) == ("Confirmed", "Z1234567", "Ann Łee")


def test_rows_leaves_the_answer_of_an_open_item_empty():
    row = dict(zip(HEADER, sheet_of("Z1234567")[1], strict=True))

    assert (row["State"], row["Answer"], row["Confirmed by"]) == ("Missing", "", "")


@pytest.mark.parametrize("text", ["=1+1", "+44 1", "-1", "@SUM(A1)", " =1+1", "\t=1", "\r=1", "\x00=1+1"])
def test_harmless_makes_no_text_a_formula(text):
    assert harmless(text).startswith("'")


@pytest.mark.parametrize("text", ["Yes.", "1.1.1", "a = b", "", "ŵ"])
def test_harmless_leaves_other_texts_as_they_are(text):
    assert harmless(text) == text


def test_as_csv_is_read_back_with_accents_commas_and_lines():
    data = as_csv(HEADER, sheet_of('=Tŷ, "the\nhouse"'))
    back = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))

    assert back[0] == HEADER
    assert len(back) == 46
    assert back[1][HEADER.index("Answer")] == '\'=Tŷ, "the\nhouse"'


def test_as_workbook_stores_what_a_person_wrote_as_text():
    data = as_workbook("DSPT", COLUMNS, sheet_of('=HYPERLINK("//evil")\x07'), AT)
    cell = load_workbook(io.BytesIO(data)).active.cell(2, HEADER.index("Answer") + 1)

    assert (cell.data_type, cell.value, cell.quotePrefix) == ("s", '=HYPERLINK("//evil")', True)
    assert b"<f>" not in zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml")


def test_as_workbook_gives_the_same_bytes_for_the_same_rows():
    body = sheet_of("Yes.")

    assert as_workbook("DSPT", COLUMNS, body, AT) == as_workbook("DSPT", COLUMNS, body, AT)
