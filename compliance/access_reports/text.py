"""What people type about access reports: kept as it is, or refused in words that say what to do. Pure."""

from records.errors import BadText
from records.text import cleaned as cleaned

NAME_LENGTH = 120  # characters
WORDS_LENGTH = 2_000


def one_line(text: str, *, longest: int = NAME_LENGTH) -> str:
    """A name or a relation. Raises BadText, whose message is for people."""
    line = cleaned(text, longest=longest)
    if "\n" in line or "\t" in line:
        raise BadText("Write this on one line.")
    return line


def optional(text: str | None, *, longest: int = WORDS_LENGTH) -> str | None:
    """Words that may be left out; None where they were. Raises BadText."""
    return cleaned(text, longest=longest) if text and text.strip() else None
