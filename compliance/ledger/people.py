"""Choosing a resident or a person: everybody the reader may choose, or those whom a posted search finds."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from access.actors import Actor
from access.models import Staff
from access.policies import ANYWHERE
from compliance.ledger.queries import Scope
from compliance.ledger.sentences import plain
from records import queries as records_queries
from records.policies import RecordPermission
from records.policies import policy as records_policy

SHOWN = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """value: what stands in the address. note: what tells two people of one name apart."""

    value: str
    name: str
    note: str


def people(actor: Actor, scope: Scope, words: str = "") -> list[Choice]:
    """Staff whose entries the reader may see, leavers too, by name; all words must begin a word of the name."""
    rows = Staff.objects.filter(organisation_id=actor.organisation_id)
    if not scope.whole:
        rows = rows.filter(pk__in=[ref.removeprefix("staff:") for ref in scope.staff])
    found = [
        Choice(str(row.pk), plain(row.display_name), _("Access ended") if not row.may_sign_in() else "")
        for row in rows
        if _matches(row.display_name, words)
    ]
    return sorted(found, key=lambda choice: choice.name.casefold())[:SHOWN]


def residents(actor: Actor, scope: Scope, words: str = "") -> list[Choice]:
    """Residents of the homes whose log and whose residents the reader may read, by room. Each is noted as read."""
    if not records_policy.allows(actor, RecordPermission.READ_RESIDENT, at=ANYWHERE):
        return []
    rows = records_queries.residents(actor).filter(care_home_id__in=scope.homes).select_related("care_home")
    if words:
        rows = records_queries.matching(rows, actor, words)
    return [Choice(str(row.pk), plain(row.display_name), _note(row.room, row.care_home.name)) for row in rows[:SHOWN]]


def _note(room: str, home: str) -> str:
    return _("Room %(room)s, %(home)s") % {"room": plain(room), "home": plain(home)} if room else plain(home)


def _matches(name: str, words: str) -> bool:
    parts = name.casefold().split()
    return all(any(part.startswith(word) for part in parts) for word in words.casefold().split())
