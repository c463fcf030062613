"""Ledger entries about one resident, told as days of lines that a family can read. Pure.

One line is one person doing one kind of thing on one device on one day, however often. Of a record's content nothing
is told: that the daily notes were opened, never what they said. The system's own work is a number, not a line.
The words stand apart from the audit log's (compliance.ledger.sentences): those name every resident, for managers;
these follow a person's name on a page about one resident, where "the record" needs no owner.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

LONDON = ZoneInfo("Europe/London")


class Sort(StrEnum):
    """What was done, as the totals count it."""

    LOOKED = "looked"
    WROTE = "wrote"
    TOOK = "took"  # printed, exported, downloaded: it left the screen
    REFUSED = "refused"
    LISTED = "listed"
    REPORT = "report"  # about this report: shared, asked, answered


SORTS: dict[Sort, Any] = {
    Sort.LOOKED: _("Opened"),
    Sort.WROTE: _("Wrote or changed"),
    Sort.TOOK: _("Printed or exported"),
    Sort.REFUSED: _("Refused"),
    Sort.LISTED: _("In lists"),
    Sort.REPORT: _("About this report"),
}
SYSTEM = "system:"
_TAKEN = {"printed", "exported", "downloaded", "sent", "extracted"}

_PAGES: dict[str, Any] = {
    "records:resident": _("opened today's page"),
    "records:daily_notes": _("opened the daily notes"),
    "records:daily_note_new": _("opened the form for a new daily note"),
    "records:daily_note_correct": _("opened a daily note to correct it"),
    "records:resident_list": _("searched for the name and saw it in the list of residents"),
    "api:residents": _("saw the name in a list, through a connected program"),
    "api:resident": _("opened the record through a connected program"),
    "api:notes": _("opened the daily notes through a connected program"),
    "compliance:ledger_entry": _("opened an entry of the audit log about the record"),
    "records:resident_erase": _("opened the form to erase the record"),
    "compliance:access_report": _("opened this report of who looked"),
    "compliance:access_report_ask": _("opened the form to ask why, for the resident"),
    "compliance:access_report_shares": _("opened the links to this report"),
    "compliance:access_report_share_new": _("opened the form for a new link to this report"),
    "compliance:access_questions": _("opened the questions about access"),
    "compliance:access_question": _("opened a question about access"),
    "my_record:report": _("opened this report through a link"),
    "my_record:ask": _("opened the form to ask why"),
}
_ACTS: dict[str, Any] = {
    "records.daily_note.written": _("wrote a daily note"),
    "records.daily_note.corrected": _("corrected a daily note"),
    "records.daily_note.created": _("added a daily note"),
    "records.resident.admitted": _("made the record"),
    "records.resident.created": _("made the record"),
    "access.key.made": _("made the key that the record is encrypted with"),
    "records.resident.changed": _("changed details in the record"),
    "compliance.access_report.printed": _("printed this report of who looked"),
    "compliance.access_report.shared": _("gave somebody a link to this report"),
    "compliance.access_report.opened": _("opened this report through a link"),
    "compliance.access_report.code_refused": _("typed a wrong code for a link to this report"),
    "compliance.access_report.link_blocked": _("closed a link to this report by too many wrong codes"),
    "compliance.access_report.withdrawn": _("withdrew a link to this report"),
    "compliance.access_question.asked": _("asked why somebody looked"),
    "compliance.access_question.answered": _("answered a question about access"),
    "compliance.access_question.answer_corrected": _("corrected an answer about access"),
}
_OTHERWISE: dict[Sort, Any] = {
    Sort.LOOKED: _("opened the record"),
    Sort.WROTE: _("changed something in the record"),
    Sort.TOOK: _("printed or exported from the record"),
    Sort.REFUSED: _("tried to open the record and was refused"),
    Sort.LISTED: _("saw the name in a list"),
    Sort.REPORT: _("did something with this report"),
}


def is_the_systems_own(actor: str, action: str) -> bool:
    """Work that nobody reads, such as a backup. An extract that a command took is read by whoever ran it."""
    return actor.startswith(SYSTEM) and action.rpartition(".")[2] not in _TAKEN


def sort_of(kind: str, action: str, *, listed: bool) -> Sort:
    """listed: the entry names other residents too."""
    if kind == "refusal":
        return Sort.REFUSED
    if kind == "view":
        return Sort.LISTED if listed else Sort.LOOKED
    if action.rpartition(".")[2] in _TAKEN:
        return Sort.TOOK
    if action.startswith("compliance.access_"):
        return Sort.REPORT
    return Sort.LISTED if listed else Sort.WROTE


@dataclass(frozen=True, slots=True)
class Entry:
    """One ledger entry, or a view still open, that names the resident. page: the route; empty where it cannot be read.

    count: how often within its minute.
    """

    id: UUID
    at: datetime
    kind: str
    actor: str
    action: str
    subject: str
    device: str | None
    count: int
    listed: bool
    page: str = ""

    @property
    def sort(self) -> Sort:
        return sort_of(self.kind, self.action, listed=self.listed)

    @property
    def words(self) -> str:
        """What was done, as it follows a name."""
        if self.sort is Sort.LISTED:
            return str(_OTHERWISE[self.sort])
        if self.kind == "view" and self.page in _PAGES:
            return str(_PAGES[self.page])
        return str(_ACTS.get(self.action, _OTHERWISE[self.sort]))

    @property
    def day(self) -> date:
        return self.at.astimezone(LONDON).date()


@dataclass(slots=True)
class Line:
    """One person, one kind of thing, one device, one day. entries: newest last; the first names the line."""

    actor: str
    sort: Sort
    words: str
    device: str | None
    entries: list[Entry] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        return self.entries[0].id

    @property
    def first_at(self) -> datetime:
        return self.entries[0].at

    @property
    def last_at(self) -> datetime:
        return self.entries[-1].at

    @property
    def times(self) -> int:
        return sum(entry.count for entry in self.entries)

    @property
    def ids(self) -> set[UUID]:
        return {entry.id for entry in self.entries}


def days(entries: Iterable[Entry]) -> list[tuple[date, list[Line]]]:
    """Lines by London's day: the newest day first, within a day by when each began. System entries are left out."""
    found: dict[date, dict[tuple[str, str, str | None], Line]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.at, entry.id)):
        if is_the_systems_own(entry.actor, entry.action):
            continue
        lines = found.setdefault(entry.day, {})
        words = entry.words
        key = (entry.actor, words, entry.device)
        lines.setdefault(key, Line(entry.actor, entry.sort, words, entry.device)).entries.append(entry)
    return [(day, list(found[day].values())) for day in sorted(found, reverse=True)]


@dataclass(frozen=True, slots=True)
class Counted:
    """One row of the ledger's own counting: so many of one sort by one actor on one day."""

    day: date
    actor: str
    sort: Sort
    times: int
    last_at: datetime


@dataclass(slots=True)
class PersonTotal:
    actor: str
    last_at: datetime
    times: dict[Sort, int] = field(default_factory=dict)

    @property
    def looked(self) -> int:
        return self.times.get(Sort.LOOKED, 0)

    @property
    def wrote(self) -> int:
        return self.times.get(Sort.WROTE, 0)

    @property
    def took(self) -> int:
        return self.times.get(Sort.TOOK, 0)

    @property
    def refused(self) -> int:
        return self.times.get(Sort.REFUSED, 0)

    @property
    def listed(self) -> int:
        return self.times.get(Sort.LISTED, 0)

    @property
    def direct(self) -> int:
        """What was seen, written or taken of the record itself: no lists, no refusals, not this report."""
        return self.looked + self.wrote + self.took


@dataclass(frozen=True, slots=True)
class Totals:
    """people: most first; days: newest first, those with something to tell. system: the system's own entries."""

    people: list[PersonTotal]
    sorts: Mapping[Sort, int]
    days: list[date]
    system: int

    @property
    def in_lists(self) -> list[PersonTotal]:
        return sorted((p for p in self.people if p.listed), key=lambda person: -person.listed)

    @property
    def direct(self) -> list[PersonTotal]:
        return [person for person in self.people if person.direct]


def totals(rows: Iterable[Counted]) -> Totals:
    """Per person, per sort, and the days on which somebody did more than see a list."""
    people: dict[str, PersonTotal] = {}
    sorts: dict[Sort, int] = dict.fromkeys(Sort, 0)
    told: set[date] = set()
    system = 0
    for row in rows:
        if row.actor.startswith(SYSTEM) and row.sort is not Sort.TOOK:
            system += row.times
            continue
        person = people.setdefault(row.actor, PersonTotal(row.actor, row.last_at))
        person.last_at = max(person.last_at, row.last_at)
        person.times[row.sort] = person.times.get(row.sort, 0) + row.times
        sorts[row.sort] += row.times
        if row.sort is not Sort.LISTED:
            told.add(row.day)
    ranked = sorted(people.values(), key=lambda person: (-person.direct, -person.listed, person.actor))
    return Totals(ranked, sorts, sorted(told, reverse=True), system)
