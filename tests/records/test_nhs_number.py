import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.nhs_number import normalised


@pytest.mark.parametrize("text", ["9434765919", "9876543210", "943 476 5919", "943-476-5919"])
def test_normalised_takes_valid_numbers(text):
    assert normalised(text) in {"9434765919", "9876543210"}


@pytest.mark.parametrize(
    "text",
    [
        "9434765918",
        "2378954317",
        "0000000000",
        "9999999999",
        "943476591",
        "94347659190",
        "943476591X",
        "",
        "٩٤٣٤٧٦٥٩١٩",
    ],
)
def test_normalised_refuses_what_cannot_be_one(text):
    assert normalised(text) is None


@given(st.integers(0, 999_999_999))
def test_normalised_accepts_at_most_one_check_digit(start):
    digits = f"{start:09d}"

    accepted = [last for last in "0123456789" if normalised(digits + last)]

    assert len(accepted) <= 1
