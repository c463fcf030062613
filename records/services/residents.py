"""Admitting residents, one by one or from a file."""

from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils import timezone

import audit.services
from access import keys
from access.actors import Actor
from access.envelope import blind_index, name_token
from access.ids import uuid7
from access.key_purposes import Purpose
from access.models import CareHome
from access.services import make_data_key
from records import resident_csv
from records.errors import ImportRefused
from records.events import RecordEvent
from records.models import NameToken, Resident
from records.models.resident import CareFlag
from records.policies import RecordPermission, policy

_SHORTEST_TOKEN = 2  # letters of a word that a search must give


@transaction.atomic
def admit_resident(
    *,
    actor: Actor,
    care_home: CareHome,
    first_name: str,
    last_name: str,
    born_on: date,
    gender: str,
    title: str | None = None,
    preferred_name: str | None = None,
    nhs_number: str | None = None,
    room: str | None = None,
    admitted_on: date | None = None,
    allergies: str | None = None,
    care_flags: list[str] | None = None,
    about_me: str | None = None,
) -> Resident:
    """Open a resident's record, under a key of their own.

    allergies: the text, or "none known", or "not recorded" (also None). nhs_number: ten digits, checked.
    Raises NotPermitted, django.db.IntegrityError where another resident has the NHS number.
    Appends records.resident.admitted.
    """
    policy.require(actor, RecordPermission.IMPORT_RESIDENTS, at=care_home.pk)
    resident_id, organisation_id = uuid7(), actor.organisation_id
    make_data_key(
        actor_ref=actor.ref, organisation_id=organisation_id, purpose=Purpose.RESIDENT, subject_id=resident_id
    )
    state, text = _allergies(allergies)
    resident = Resident(
        id=resident_id,
        organisation_id=organisation_id,
        care_home=care_home,
        title=title or "",
        first_name=first_name,
        last_name=last_name,
        preferred_name=preferred_name or "",
        born_on=born_on,
        gender=gender,
        nhs_number=nhs_number,
        nhs_number_index=nhs_number_index(organisation_id, nhs_number) if nhs_number else None,
        room=room or "",
        admitted_on=admitted_on,
        allergy_state=state,
        allergies=text,
        care_flags=care_flags or [],
        about_me=about_me or "",
    )
    with audit.services.sealing(
        organisation_id=organisation_id,
        actor=actor.ref,
        action=RecordEvent.RESIDENT_ADMITTED,
        subject=resident.ref,
        residents=[resident_id],
        care_home_id=care_home.pk,
    ):
        resident.save(force_insert=True)
    NameToken.objects.bulk_create(
        NameToken(organisation_id=organisation_id, resident=resident, token=token)
        for token in sorted(_tokens(organisation_id, resident))
    )
    return resident


@transaction.atomic
def import_residents(*, actor: Actor, care_home: CareHome, content: bytes) -> int:
    """Admit every resident of a CSV file, or none; returns how many. Raises NotPermitted, ImportRefused."""
    policy.require(actor, RecordPermission.IMPORT_RESIDENTS, at=care_home.pk)
    rows, problems = resident_csv.parse(
        content, genders=set(Resident.Gender.values), flags=set(CareFlag.values), today=timezone.localdate()
    )
    problems = problems or _taken_numbers(actor.organisation_id, rows)
    if problems:
        raise ImportRefused(list(problems))
    for row in rows:
        admit_resident(actor=actor, care_home=care_home, **row.values)
    audit.services.append(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=RecordEvent.RESIDENTS_IMPORTED,
        subject=care_home.ref,
        detail={"residents": len(rows)},
        care_home_id=care_home.pk,
    )
    return len(rows)


def nhs_number_index(organisation_id: UUID, nhs_number: str) -> bytes:
    return blind_index(keys.index_key(organisation_id), "resident.nhs_number", nhs_number)


def word_tokens(organisation_id: UUID, words: str) -> list[bytes]:
    """The tokens by which a search for these words finds a resident, one per word."""
    key = keys.index_key(organisation_id)
    return [name_token(key, word) for word in _words(words)]


def _words(text: str) -> list[str]:
    cut = "".join(character if character.isalnum() else " " for character in text.casefold())
    return [word for word in cut.split() if len(word) >= _SHORTEST_TOKEN]


def _tokens(organisation_id: UUID, resident: Resident) -> set[bytes]:
    key = keys.index_key(organisation_id)
    words = _words(f"{resident.first_name} {resident.last_name} {resident.preferred_name}")
    return {name_token(key, word[:end]) for word in words for end in range(_SHORTEST_TOKEN, len(word) + 1)}


def _allergies(text: str | None) -> tuple[str, str]:
    if text is None or text.casefold() == resident_csv.NOT_RECORDED:
        return Resident.AllergyState.NOT_RECORDED, ""
    if text.casefold() == resident_csv.NONE_KNOWN:
        return Resident.AllergyState.NONE_KNOWN, ""
    return Resident.AllergyState.KNOWN, text


def _taken_numbers(organisation_id: UUID, rows: list[resident_csv.Row]) -> list[resident_csv.Problem]:
    by_index = {
        nhs_number_index(organisation_id, row.values["nhs_number"]): row for row in rows if row.values["nhs_number"]
    }
    taken = Resident.objects.filter(organisation_id=organisation_id, nhs_number_index__in=list(by_index))
    return [
        resident_csv.Problem(
            by_index[bytes(resident.nhs_number_index)].line,
            "nhs_number",
            "A resident with this NHS number is here already. Take the line out.",
        )
        for resident in taken
    ]
