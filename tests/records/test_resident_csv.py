from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carehome.environment import ROOT
from records.resident_csv import LARGEST, parse

GENDERS = {"female", "male", "other", "not_stated", "not_known"}
FLAGS = {"falls_high", "two_carers"}
TODAY = date(2026, 11, 23)
HEADER = "first_name,last_name,born_on,gender,nhs_number,allergies,care_flags"


def read(text: str | bytes):
    content = text if isinstance(text, bytes) else text.encode()
    return parse(content, genders=GENDERS, flags=FLAGS, today=TODAY)


def problems(text: str | bytes):
    return [(problem.line, problem.column) for problem in read(text)[1]]


def test_parse_takes_the_sample_file_whole():
    from records.models import Resident
    from records.models.resident import CareFlag

    content = (ROOT / "records" / "sample" / "residents.csv").read_bytes()

    rows, found = parse(content, genders=set(Resident.Gender.values), flags=set(CareFlag.values), today=TODAY)

    assert found == []
    assert len(rows) == 40


def test_parse_gives_values_ready_for_the_service():
    rows, _ = read(f"{HEADER}\nAda,Brown,14/03/1938,Female,943 476 5919,Penicillin,falls_high; two_carers\n")

    assert rows[0].line == 2
    assert rows[0].values["born_on"] == date(1938, 3, 14)
    assert rows[0].values["gender"] == "female"
    assert rows[0].values["nhs_number"] == "9434765919"
    assert rows[0].values["care_flags"] == ["falls_high", "two_carers"]


def test_parse_names_every_problem_by_line_and_column():
    text = (
        f"{HEADER}\n"
        "Ada,Brown,1938-03-14,female,9434765918,none known,\n"
        ",Hall,1938-13-14,f,,,flying\n"
        "Iris,Hall,2030-01-01,female,9434765919,none known,\n"
        "Pearl,Price,1940-01-01,female,943 476 5919,none known,\n"
    )

    assert problems(text) == [
        (2, "nhs_number"),
        (3, "first_name"),
        (3, "born_on"),
        (3, "gender"),
        (3, "allergies"),
        (3, "care_flags"),
        (4, "born_on"),
        (5, "nhs_number"),
    ]


def test_parse_counts_lines_as_an_editor_does_when_a_cell_spans_several():
    two_lines = 'Ada,Brown,1938-03-14,female,,none known,,"Two\nlines"'
    text = f"{HEADER},about_me\n{two_lines}\nIris,Hall,never,female,,none known,,\n"

    assert problems(text) == [(4, "born_on")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [(1, "allergies"), (1, "born_on"), (1, "first_name"), (1, "gender"), (1, "last_name")]),
        (HEADER, [(2, "")]),
        (f"{HEADER},surname\n", [(1, "surname")]),
        (f"{HEADER},gender\n", [(1, "gender")]),
        (f"{HEADER}\nAda,Brown\n", [(2, "")]),
        (f'{HEADER}\n"Ada,Brown\n', [(2, "")]),
        ("Zoë".encode("cp1252"), [(1, "")]),
        (f"{HEADER}\nA\x00da\n", [(2, "")]),
        (b"x" * (LARGEST + 1), [(1, "")]),
        (f"{HEADER}\n" + "A,B,1938-03-14,female,,none known,\n" * 501, [(502, "")]),
    ],
)
def test_parse_refuses_a_file_that_is_wrong_as_a_whole(content, expected):
    assert problems(content) == expected


def test_parse_reads_a_file_saved_with_a_byte_order_mark():
    rows, found = read(b"\xef\xbb\xbf" + f"{HEADER}\nAda,Brown,1938-03-14,female,,none known,\n".encode())

    assert (len(rows), found) == (1, [])


@given(st.binary(max_size=400))
def test_parse_never_fails_and_never_passes_rubbish(content):
    rows, found = read(content)

    assert found or rows
