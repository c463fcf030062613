"""Text that people type: what is kept as it is, and what is refused with words that say what to do. Pure."""

import unicodedata

from records.errors import BadText

NOTE_LENGTH = 4_000  # characters
_HIDDEN_ORDER = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def cleaned(text: str, *, longest: int) -> str:
    """The text with plain line ends and no blank edges. Raises BadText, whose message is for people."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise BadText("Write something first.")
    if len(text) > longest:
        raise BadText(f"Shorten the text to {longest:,} characters. It has {len(text):,}.")
    for place, character in enumerate(text, start=1):
        if character in "\n\t":
            continue
        if unicodedata.category(character) in {"Cc", "Cs"} or character in _HIDDEN_ORDER:
            raise BadText(f"Delete the hidden character at place {place:,} and type it again.")
    return text
