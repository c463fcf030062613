"""The words behind the question mark of an anchor's address."""

from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qsl

from audit.errors import AnchorUnknown


def words_of(address: SplitResult) -> dict[str, str]:
    return dict(parse_qsl(address.query, keep_blank_values=True))


def only(options: Mapping[str, str], known: set[str]) -> None:
    """Raises AnchorUnknown."""
    for name in sorted(options.keys() - known):
        raise AnchorUnknown(f"CAREHOME_ANCHORS: an anchor of this kind has no option {name}.")


def number(options: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    """Raises AnchorUnknown."""
    value = options.get(name, str(default))
    if not (value.isascii() and value.isdecimal()) or int(value) < least:
        raise AnchorUnknown(f"CAREHOME_ANCHORS: {name} must be a whole number of at least {least}.")
    return int(value)
