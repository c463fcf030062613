import pytest

from records.errors import BadText
from records.text import NOTE_LENGTH, cleaned


def test_cleaned_keeps_text_and_plain_line_ends():
    assert cleaned("  One\r\ntwo\rthree\tfour  ", longest=100) == "One\ntwo\nthree\tfour"


@pytest.mark.parametrize("text", ["ŵ ŷ é", "😀", "naïve – 0.5 mg"])
def test_cleaned_keeps_every_language(text):
    assert cleaned(text, longest=100) == text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("   \n ", "Write something first."),
        ("x" * (NOTE_LENGTH + 1), "Shorten the text to 4,000 characters. It has 4,001."),
        ("abc\x00def", "Delete the hidden character at place 4 and type it again."),
        ("a\x1bb", "place 2"),
        ("a\u202eb", "place 2"),
        ("a\ud800b", "place 2"),
    ],
)
def test_cleaned_refuses_with_words_that_say_what_to_do(text, advice):
    with pytest.raises(BadText) as refused:
        cleaned(text, longest=NOTE_LENGTH)

    assert advice in str(refused.value)
