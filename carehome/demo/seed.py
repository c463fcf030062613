"""A demonstration: organisations with homes, people of every role, residents and a month of notes.

Made by the application's own services, so that every row has its ledger entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from access import services as access_services
from access.actors import Actor
from access.models import CareHome, Organisation, Staff
from access.roles import TEMPORARY, Role
from access.tenancy import acting_for
from audit.context import Origin, acting
from audit.reading import collecting
from carehome.demo.people import Cast, Person
from records.services import admit_resident, correct_daily_note, write_daily_note

_ORGANISATIONS = (
    ("Rosebank Care", "rosebank", ("Rosebank House", "Rosebank Lodge"), "A1B2", "Z1234567"),
    ("Elm Tree Homes", "elmtree", ("Elm Tree Court", "Elm Tree Grange"), "A3C4", "ZA123456"),
)
_EVERYWHERE = (Role.REGISTERED_MANAGER, Role.ADMINISTRATOR)  # of every home of the organisation
_IN_EACH_HOME = (
    Role.CARER,
    Role.SENIOR_CARER,
    Role.NURSE,
    Role.KITCHEN,
    Role.ACTIVITIES,
    Role.AGENCY_CARER,
    Role.INSPECTOR,
)


@dataclass(frozen=True, slots=True)
class Account:
    organisation: str
    email: str
    password: str
    pin: str
    role: str
    homes: list[str]


def seed(
    *, organisations: int, homes: int, residents: int, days: int, seed_number: int, tell: Callable[[str], None]
) -> list[Account]:
    """Make everything and return the accounts; `tell` gets a line per step."""
    accounts: list[Account] = []
    for number in range(organisations):
        name, code, home_names, ods, ico = _profile(number)
        cast = Cast(seed_number * 100 + number)
        tell(f"{name}: organisation, keys, homes and people")
        organisation = access_services.create_organisation(
            actor_ref="system:seed_demo", name=name, code=code, ods_code=ods, ico_number=ico
        )
        origin = Origin(organisation.pk, "system:seed_demo")
        with acting_for(organisation.pk), acting(origin), collecting("making the demonstration"):
            accounts += _organisation(organisation, cast, home_names, homes, residents, days, tell)
    return accounts


def _profile(number: int) -> tuple[str, str, tuple[str, ...], str, str]:
    if number < len(_ORGANISATIONS):
        return _ORGANISATIONS[number]
    name = f"Provider {number + 1}"
    return name, f"provider-{number + 1}", (), f"A{number:03d}", ""


def _organisation(
    organisation: Organisation,
    cast: Cast,
    home_names: tuple[str, ...],
    homes: int,
    residents: int,
    days: int,
    tell: Callable[[str], None],
) -> list[Account]:
    system = Actor.system(organisation.pk, "seed_demo")
    names = [home_names[n] if n < len(home_names) else f"{organisation.name} {n + 1}" for n in range(homes)]
    made = [
        access_services.add_care_home(
            actor=system, name=name, code=name.lower().replace(" ", "-"), ods_code=f"V{n}A{n}B"
        )
        for n, name in enumerate(names)
    ]
    accounts, manager = [], None
    for role in _EVERYWHERE:
        person = cast.staff(role, organisation.code)
        staff = _join(system, person, made)
        manager = manager or staff
        accounts.append(_account(organisation, person, made))
    if manager is None:
        raise ValueError("A demonstration needs a manager.")
    for home in made:
        tell(f"{home.name}: {residents} residents, {days} days of notes")
        team: dict[str, Staff] = {}
        for role in _IN_EACH_HOME:
            person = cast.staff(role, organisation.code)
            team[role] = _join(system, person, [home])
            accounts.append(_account(organisation, person, [home]))
        _care(home, cast, manager, team, residents, days)
    _leaver(system, cast, organisation, made[0], manager)
    return accounts


def _join(system: Actor, person: Person, homes: list[CareHome]) -> Staff:
    staff = access_services.add_staff(
        actor=system,
        email=person.email,
        first_name=person.first_name,
        last_name=person.last_name,
        password=person.password,
        pin=person.pin,
    )
    for home in homes:
        role = Role(person.role)
        if role in TEMPORARY:
            now = timezone.now()
            access_services.grant_shift(
                actor=system,
                staff=staff,
                care_home=home,
                role=role,
                starts_at=now - timedelta(hours=1),
                ends_at=now + timedelta(hours=11) if role is Role.AGENCY_CARER else now + timedelta(days=14),
                reason="Night shift cover" if role is Role.AGENCY_CARER else "Inspection",
            )
        else:
            access_services.give_role(actor=system, staff=staff, care_home=home, role=role)
    return staff


def _account(organisation: Organisation, person: Person, homes: list[CareHome]) -> Account:
    return Account(
        organisation.code, person.email, person.password, person.pin, person.role, [home.name for home in homes]
    )


def _care(home: CareHome, cast: Cast, manager: Staff, team: dict[str, Any], residents: int, days: int) -> None:
    boss = Actor.of(manager)
    writers = [Actor.of(team[role]) for role in (Role.CARER, Role.SENIOR_CARER, Role.NURSE)]
    now = timezone.localtime()
    for number in range(residents):
        with transaction.atomic():
            resident = admit_resident(actor=boss, care_home=home, **cast.resident(now.date()))
            for place, (kind, body, at, handover) in enumerate(cast.notes(days, now)):
                actor = writers[(number + place) % len(writers)]
                note = write_daily_note(
                    actor=actor,
                    resident=resident,
                    body=body,
                    kind=kind,
                    occurred_at=at,
                    recorded_at=min(at + timedelta(minutes=6), now),
                    for_handover=handover,
                )
                if cast.chance(0.02):
                    correct_daily_note(
                        actor=actor, note=note, body=f"{body} (In the garden.)", reason="Left out where."
                    )


def _leaver(system: Actor, cast: Cast, organisation: Organisation, home: CareHome, manager: Staff) -> None:
    """Somebody who left today, so that the check of leavers' access has something to look at."""
    staff = _join(system, cast.staff(Role.CARER, organisation.code), [home])
    access_services.record_leaver(actor=Actor.of(manager), staff=staff, left_at=timezone.now())
