"""What record pages show: one frozen object per banner, card and note, made from models by one rule each."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

import access.queries
from access.actors import Actor
from records import queries
from records.models import DailyNote, Resident
from records.models.resident import CareFlag
from records.policies import RecordPermission, policy

_FLAG_LOOKS = {
    CareFlag.FALLS_HIGH: ("orange", ""),
    CareFlag.TWO_CARERS: ("blue", "turn"),
    CareFlag.DIABETES: ("blue", ""),
    CareFlag.HARD_OF_HEARING: ("blue", ""),
    CareFlag.PARTIALLY_SIGHTED: ("blue", ""),
}
_KIND_ICONS = {
    "general": "note",
    "personal_care": "wash",
    "meal": "meal",
    "mood": "mood",
    "activity": "music",
    "rest": "sleep",
    "skin": "body",
    "visit": "people",
}


@dataclass(frozen=True, slots=True)
class Banner:
    """Identity and allergies; identifiers are None for a role that may not see them."""

    title_name: str
    preferred_name: str
    room: str
    identified: bool
    born: date | None
    gender: str
    nhs_number: str | None
    allergy_state: str
    allergies: str
    flags: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Card:
    url: str
    display_name: str
    preferred_name: str
    room: str
    home_name: str  # only where residents of several homes stand side by side: rooms repeat
    allergy_tag: str
    flags: list[tuple[str, str, str]]
    shows_notes: bool
    last_note_at: datetime | None
    notes_today: int


@dataclass(frozen=True, slots=True)
class Tile:
    """A kind of note to write with one tap, and when one of it was last written today."""

    kind: str
    label: str
    icon: str
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class NoteLine:
    """A note as a timeline shows it; `superseded` is what it corrected, newest first."""

    id: UUID
    body: str
    kind_label: str
    kind_icon: str
    occurred_at: datetime
    recorded_at: datetime
    author_name: str
    late: bool
    for_handover: bool
    reason: str = ""
    correct_url: str = ""
    superseded: list["NoteLine"] = field(default_factory=list)


def flags(resident: Resident) -> list[tuple[str, str, str]]:
    """(words, colour, icon) of each care flag; textures of food and drink carry their own icons."""
    looks = []
    for value in resident.care_flags:
        flag = CareFlag(value)
        colour, icon = _FLAG_LOOKS.get(flag, ("orange", "drink" if value.startswith("fluids") else "meal"))
        looks.append((str(flag.label), colour, icon))
    return looks


def banner(actor: Actor, resident: Resident) -> Banner:
    identified = policy.allows(actor, RecordPermission.READ_IDENTIFIERS, at=resident.care_home_id)
    title = f" ({resident.title})" if resident.title else ""
    return Banner(
        title_name=f"{resident.last_name.upper()}, {resident.first_name}{title}",
        preferred_name=resident.preferred_name,
        room=resident.room,
        identified=identified,
        born=resident.born_on if identified else None,
        gender=str(Resident.Gender(resident.gender).label) if identified else "",
        nhs_number=resident.nhs_number if identified else None,
        allergy_state=resident.allergy_state,
        allergies=resident.allergies,
        flags=flags(resident),
    )


def card(actor: Actor, resident: Any, *, home_name: str = "") -> Card:
    known = resident.allergy_state == Resident.AllergyState.KNOWN
    return Card(
        url=reverse("records:resident", args=[resident.pk]),
        display_name=resident.display_name,
        preferred_name=resident.preferred_name,
        room=resident.room,
        home_name=home_name,
        allergy_tag=resident.allergies if known else "",
        flags=flags(resident),
        shows_notes=policy.allows(actor, RecordPermission.READ_DAILY_NOTE, at=resident.care_home_id),
        last_note_at=resident.last_note_at,
        notes_today=resident.notes_today,
    )


def tiles(todays_notes: list[DailyNote]) -> list[Tile]:
    """One tile per kind of note, a general one last."""
    last = {note.kind: note.occurred_at for note in sorted(todays_notes, key=lambda note: note.occurred_at)}
    kinds = [kind for kind in DailyNote.Kind if kind != DailyNote.Kind.GENERAL]
    found = [Tile(kind.value, str(kind.label), _KIND_ICONS[kind.value], last.get(kind.value)) for kind in kinds]
    general = DailyNote.Kind.GENERAL.value
    return [*found, Tile(general, _("Note"), _KIND_ICONS[general], last.get(general))]


def note_lines(actor: Actor, notes: list[DailyNote]) -> list[NoteLine]:
    """The notes with their authors' names and earlier versions: two queries, whatever the number."""
    chains = queries.earlier_versions(notes)
    everything = [*notes, *(earlier for chain in chains.values() for earlier in chain)]
    names = access.queries.staff_names(actor.organisation_id, {note.written_by for note in everything})
    lines = []
    for note in notes:
        newer, superseded = note, []
        for earlier in chains.get(note.pk, []):
            superseded.append(_line(earlier, names, reason=newer.reason))
            newer = earlier
        lines.append(_line(note, names, correct_url=_correct_url(actor, note), superseded=superseded))
    return lines


def _line(note: DailyNote, names: dict[str, str], **more: Any) -> NoteLine:
    return NoteLine(
        id=note.pk,
        body=note.body,
        kind_label=str(note.get_kind_display()) if note.kind != DailyNote.Kind.GENERAL else "",
        kind_icon=_KIND_ICONS[note.kind],
        occurred_at=note.occurred_at,
        recorded_at=note.recorded_at,
        author_name=names.get(note.written_by, _("Somebody no longer here")),
        late=note.late,
        for_handover=note.for_handover,
        **more,
    )


def _correct_url(actor: Actor, note: DailyNote) -> str:
    own = note.written_by == actor.ref
    wanted = RecordPermission.WRITE_DAILY_NOTE if own else RecordPermission.CORRECT_DAILY_NOTE
    if not policy.allows(actor, wanted, at=note.care_home_id):
        return ""
    return reverse("records:daily_note_correct", args=[note.pk])
