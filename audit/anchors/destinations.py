"""Where checkpoints go beside the append-only file: CAREHOME_ANCHORS, a list of addresses.

The file counts; these witness. What they did not take is offered again, and said aloud meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from django.conf import settings

from audit.anchors.file import Anchored, AnchorFile
from audit.anchors.mail import Mailbox
from audit.anchors.options import only, words_of
from audit.anchors.s3 import Bucket
from audit.errors import AnchorUnknown


class Destination(Protocol):
    """name: what people read and receipts are filed under, without credentials; every: it takes none sooner."""

    @property
    def name(self) -> str: ...

    @property
    def every(self) -> timedelta: ...

    def take(self, kept: Anchored) -> None:
        """Raises AnchorFailed, its cause the library's own error."""


@dataclass(frozen=True)
class Folder:
    """A second append-only file, on another disk or machine: `file:///mnt/other`."""

    path: Path
    every: timedelta = timedelta(0)

    @classmethod
    def at(cls, address: SplitResult) -> "Folder":
        """Raises AnchorUnknown."""
        only(words_of(address), set())
        path = Path(unquote(address.path))
        if address.netloc or not path.is_absolute():
            raise AnchorUnknown("CAREHOME_ANCHORS: a folder is written file:///whole/path.")
        return cls(path)

    @property
    def name(self) -> str:
        return f"file://{self.path}"

    def take(self, kept: Anchored) -> None:
        with AnchorFile(self.path, kept.organisation_id).held() as file:
            file.append(kept)


_KINDS: dict[str, Callable[[SplitResult], Destination]] = {
    "file": Folder.at,
    "s3": Bucket.at,
    "mailto": Mailbox.at,
}


def destinations() -> Sequence[Destination]:
    """Those that this installation names. Raises AnchorUnknown."""
    return _parsed(tuple(settings.AUDIT_ANCHORS))


@cache
def _parsed(addresses: tuple[str, ...]) -> tuple[Destination, ...]:
    found = tuple(destination_at(address) for address in addresses)
    if len({destination.name for destination in found}) != len(found):
        raise AnchorUnknown("CAREHOME_ANCHORS names one place twice.")
    return found


def destination_at(address: str) -> Destination:
    """Raises AnchorUnknown."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise AnchorUnknown("CAREHOME_ANCHORS holds a word that is no address.") from error
    if parts.scheme not in _KINDS:
        raise AnchorUnknown("CAREHOME_ANCHORS: an anchor is file:///folder, s3://bucket/prefix or mailto:address.")
    return _KINDS[parts.scheme](parts)
