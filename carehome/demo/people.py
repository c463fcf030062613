"""Invented residents, staff and notes for demonstrations: the same for the same seed. Pure."""

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

_WOMEN = (
    "Ada Iris Pearl Edith Mabel Doris Hilda Olive Joan Winifred Beryl Nora Sheila Gwen Rita Vera Amara Leela Meera"
).split()
_MEN = "George Walter Desmond Arthur Stanley Harold Cyril Ernest Leslie Norman Ronald Emrys Ravi Kwame Tomasz".split()
_SURNAMES = (
    "Brown Hall Thompson Price Whitfield Clarke Okafor Patel Morgan Ellis Barker Shaw Nowak Singh Hughes Fletcher"
    " Marsh Osei Lloyd Cooper Doyle Hayes Rahman Webb Pritchard"
).split()
_ALLERGIES = ("Penicillin", "Latex", "Aspirin", "Shellfish", "Elastoplast", "Codeine")
_FLAGS: tuple[list[str], ...] = (
    ["falls_high"],
    ["two_carers"],
    ["fluids_2"],
    ["diabetes"],
    ["diet_6"],
    ["falls_high", "hard_of_hearing"],
    ["two_carers", "diet_5"],
    [],
    [],
    ["partially_sighted"],
)
_MATTERS = (
    "Please knock, and tell me what you are going to do first.",
    "I like my hair done before breakfast.",
    "I was a bus driver for thirty years. Ask me about the number 42.",
    "I sing in Welsh when I am happy. Please join in.",
    "Tea with two sugars, and the crossword after lunch.",
    "I sleep best with the door ajar and the landing light on.",
)
_NOTES = (
    ("meal", "Ate all of the breakfast porridge and drank a full beaker of tea."),
    ("meal", "Managed half of lunch, said the fish was dry. Had two helpings of pudding."),
    ("personal_care", "Helped with a wash and chose the blue cardigan. Skin intact, cream put on both legs."),
    ("mood", "Content and chatty, told us about the visit on Sunday."),
    ("mood", "A little low before lunch. Sat together with a cup of tea until it passed."),
    ("activity", "Joined the singing in the lounge and stayed for the whole hour."),
    ("activity", "Potted two geraniums with the activities team, proud of them."),
    ("rest", "Slept from 22:30, awake once at 03:10, settled with warm milk."),
    ("rest", "Resting in the armchair, awake and comfortable."),
    ("skin", "Heels checked, no redness. Repositioned to the left side."),
    ("visit", "Daughter visited for an hour and brought photographs."),
    ("general", "Walked to the dining room with the frame and one carer, steady."),
)
_FIRST_NAMES = (
    "Jo Hannah Wei Marta Priya Samuel Aisha Tom Elena Kofi Bethan Rashid Chloe Daniel Zofia Grace Omar Nia".split()
)
_STAFF_SURNAMES = "Mensah Reid Chen Kowalska Shah Okoro Begum Walsh Popescu Boateng Davies Khan Evans".split()
_WORDS = (
    "maple kettle lantern willow button harbour pebble saffron thimble meadow cobalt walnut marble orchid ribbon clover"
).split()


@dataclass(frozen=True, slots=True)
class Person:
    """One invented member of staff. pin: six digits."""

    first_name: str
    last_name: str
    email: str
    password: str
    pin: str
    role: str


@dataclass(slots=True)
class Cast:
    """Draws people; never the same name twice."""

    seed: int
    _random: random.Random = field(init=False)
    _taken: set[str] = field(default_factory=set)
    _drawn: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def resident(self, today: date) -> dict[str, Any]:
        """The values of one resident, as `records.services.admit_resident` takes them."""
        draw = self._random
        woman = draw.random() < 0.65
        first, last = self._name(_WOMEN if woman else _MEN, _SURNAMES)
        self._drawn += 1
        sort = draw.random()
        return {
            "title": draw.choice(("Mrs", "Miss", "Ms")) if woman else "Mr",
            "first_name": first,
            "last_name": last,
            "preferred_name": first[:3] + "ie" if draw.random() < 0.25 else None,
            "born_on": today - timedelta(days=draw.randint(74 * 365, 97 * 365)),
            "gender": "female" if woman else "male",
            "nhs_number": nhs_number(self.seed * 1_000 + self._drawn),
            "room": str(self._drawn),
            "admitted_on": today - timedelta(days=draw.randint(40, 1_500)),
            "allergies": draw.choice(_ALLERGIES) if sort < 0.4 else "none known" if sort < 0.9 else "not recorded",
            "care_flags": draw.choice(_FLAGS),
            "about_me": draw.choice(_MATTERS),
        }

    def staff(self, role: str, code: str) -> Person:
        first, last = self._name(_FIRST_NAMES, _STAFF_SURNAMES)
        draw = self._random
        return Person(
            first_name=first,
            last_name=last,
            email=f"{first}.{last}@{code}.example".lower(),
            password="-".join(draw.sample(_WORDS, 3)),
            pin=f"{draw.randrange(10**6):06d}",
            role=role,
        )

    def notes(self, days: int, now: datetime) -> Iterator[tuple[str, str, datetime, bool]]:
        """(kind, text, when, for the next shift) of some notes of the last days, oldest first, all before `now`."""
        draw = self._random
        for ago in range(days, -1, -1):
            for _ in range(draw.choice((1, 1, 1, 2))):
                at = (now - timedelta(days=ago)).replace(hour=draw.randint(6, 21), minute=draw.randrange(60))
                if at < now:
                    kind, text = draw.choice(_NOTES)
                    yield kind, text, at, draw.random() < 0.12

    def chance(self, share: float) -> bool:
        return self._random.random() < share

    def _name(self, first: tuple[str, ...] | list[str], last: tuple[str, ...] | list[str]) -> tuple[str, str]:
        while True:
            pair = self._random.choice(first), self._random.choice(last)
            if " ".join(pair) not in self._taken:
                self._taken.add(" ".join(pair))
                return pair


def nhs_number(number: int) -> str:
    """The `number`-th NHS number beginning with 999, a range that no person has; the check digit fits."""
    start = number * 7 % 999_000
    while True:
        digits = f"999{start:06d}"
        check = (11 - sum(int(d) * w for d, w in zip(digits, range(10, 1, -1), strict=True)) % 11) % 11
        if check < 10 and len(set(digits + str(check))) > 1:
            return f"{digits}{check}"
        start += 1


def sample_csv(count: int, *, seed: int, today: date) -> str:
    """A file of invented residents, with the columns that the import takes."""
    cast, out = Cast(seed), io.StringIO()
    rows = [cast.resident(today) for _ in range(count)]
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: ";".join(value) if isinstance(value, list) else value for name, value in row.items()})
    return out.getvalue()
