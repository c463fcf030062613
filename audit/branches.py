"""What is left of a ledger's anchored checkpoints after a restore: the branch that goes on, and the one that was lost.

A restore of an older set cuts entries off. That is what tampering looks like, so a restore says so itself: a marker,
signed like a checkpoint and anchored among them, names the size from which the ledger goes on and the size up to which
the former branch was known. Notes before the marker and beyond that size are of the lost branch. Pure.
"""

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from audit.notes import NoteError, text_of

_WORD = "restored"


@dataclass(frozen=True, slots=True)
class RestoreMarker:
    """continues: how many entries surely go on; lost_until: the largest size that was anchored before; digest: of the
    last that goes on; at: aware, to the microsecond."""

    origin: str
    continues: int
    lost_until: int
    digest: bytes
    at: datetime

    @property
    def entries_lost(self) -> int:
        """At most so many; some may have come back with the restored set after the last checkpoint that it shares."""
        return max(0, self.lost_until - self.continues)

    def text(self) -> str:
        digest = base64.b64encode(self.digest).decode()
        return (
            f"{self.origin}\n{_WORD}\n{self.continues}\n{self.lost_until}\nchain {digest}\nat {self.at.isoformat()}\n"
        )


def is_marker(note: str) -> bool:
    """Whether the note claims to be a marker; whether a known key says so is asked elsewhere."""
    return note.split("\n", 2)[1:2] == [_WORD]


def parse_marker(text: str) -> RestoreMarker:
    """The fields of a marker's text. Raises NoteError."""
    lines = text.split("\n")
    if len(lines) != 7 or lines[1] != _WORD or not (lines[4].startswith("chain ") and lines[5].startswith("at ")):
        raise NoteError("Not a restore marker.")
    try:
        marker = RestoreMarker(
            origin=lines[0],
            continues=int(lines[2]),
            lost_until=int(lines[3]),
            digest=base64.b64decode(lines[4].removeprefix("chain "), validate=True),
            at=datetime.fromisoformat(lines[5].removeprefix("at ")),
        )
    except ValueError as error:
        raise NoteError("Not a restore marker.") from error
    if marker.text() != text:
        raise NoteError("Not a restore marker.")
    return marker


class Branches:
    """The markers among some notes, and with them which note belongs to the branch that goes on.

    notes: a fresh iterator each time it is called, oldest first; read once for the markers, again for the rest, so that
    nothing but the markers is held. open_marker: gives the marker of a note, or raises NoteError; a marker that it does
    not open changes nothing and stays among the notes, where the verifier names it a bad checkpoint.
    """

    def __init__(self, notes: Callable[[], Iterable[str]], open_marker: Callable[[str], RestoreMarker]) -> None:
        self._notes = notes
        self._markers: dict[int, RestoreMarker] = {}
        self._repeated: set[int] = set()
        for place, note in enumerate(notes()):
            if is_marker(note):
                self._take(place, note, open_marker)

    def _take(self, place: int, note: str, open_marker: Callable[[str], RestoreMarker]) -> None:
        try:
            marker = open_marker(note)
        except NoteError:
            return
        if marker in self._markers.values():  # a copy put in later says nothing of what came in between
            self._repeated.add(place)
        else:
            self._markers[place] = marker

    @property
    def restores(self) -> list[RestoreMarker]:
        """Oldest first."""
        return list(self._markers.values())

    def going_on(self) -> Iterator[str]:
        """The notes of the branch that goes on, oldest first, without the markers."""
        return (note for place, note in self._placed() if not self._lost(place, note))

    def lost(self) -> Iterator[str]:
        """The notes of branches that a restore cut off."""
        return (note for place, note in self._placed() if self._lost(place, note))

    def without_lost(self, others: Iterable[str]) -> Iterator[str]:
        """Notes from elsewhere, without those that say what a lost one says: only the file knows when each was kept."""
        wanted = list(others)
        if wanted and self._markers:
            said = {_text(note) for note in wanted}
            lost = {text for text in map(_text, self.lost()) if text in said}
            wanted = [note for note in wanted if _text(note) not in lost]
        return iter(wanted)

    def _placed(self) -> Iterator[tuple[int, str]]:
        opened = self._markers.keys() | self._repeated
        return ((place, note) for place, note in enumerate(self._notes()) if place not in opened)

    def _lost(self, place: int, note: str) -> bool:
        size = size_of(note)
        return size is not None and any(
            place < later and marker.continues < size <= marker.lost_until for later, marker in self._markers.items()
        )


def _text(note: str) -> str:
    return note.partition("\n\n")[0]


def size_of(note: str) -> int | None:
    """The size a note claims, its signature unchecked; None where it is no checkpoint."""
    try:
        return int(text_of(note).split("\n", 2)[1])
    except (NoteError, ValueError, IndexError):
        return None
