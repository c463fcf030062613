"""Entries as pages, files and print show them: one frozen line each, with names, role and place in the chain."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

import audit.queries
from access.actors import Actor
from audit.models import Event, OpenView, Seal
from compliance.ledger.details import page_of
from compliance.ledger.names import Roles, names_for
from compliance.ledger.sentences import LONDON, Said, Sentence, name_of, sentence, upper_first

SIGNED, SEALED, WAITING, MISSING = "signed", "sealed", "waiting", "missing"


@dataclass(frozen=True, slots=True)
class Line:
    """state: SIGNED (sealed, and a signed checkpoint covers it), SEALED, WAITING (a view that is still open) or
    MISSING (no seal: it was never sealed by the application)."""

    id: UUID
    at: datetime
    kind: str
    who: str
    sentence: Sentence
    role: str
    home: str
    device: str
    number: int | None
    state: str


def lines(actor: Actor, entries: Sequence[Event], views: Sequence[OpenView] = ()) -> list[Line]:
    """Open views first, then the entries, as they come; a fixed number of queries."""
    shown: list[Event | OpenView] = [*views, *entries]
    names = names_for(actor, shown)
    roles = Roles(actor.organisation_id, {each.actor for each in shown})
    seals = seals_of(actor.organisation_id, entries)
    latest = audit.queries.latest_checkpoint(actor.organisation_id)
    signed = latest.size if latest else 0
    return [_open_line(view, names, roles) for view in views] + [
        _line(entry, names, roles, seals.get(entry.pk), signed) for entry in entries
    ]


def seals_of(organisation_id: UUID, entries: Sequence[Event]) -> dict[UUID, int]:
    """Entry numbers by event id, in one query that names the time it is about."""
    if not entries:
        return {}
    moments = [entry.at for entry in entries]
    rows = Seal.objects.filter(
        organisation_id=organisation_id,
        event_id__in=[entry.pk for entry in entries],
        at__gte=min(moments),
        at__lte=max(moments),
    )
    return dict(rows.values_list("event_id", "seq"))


def said(entry: Event) -> Said:
    return Said(
        action=entry.action,
        actor=entry.actor,
        subject=entry.subject,
        device=entry.device,
        care_home_id=entry.care_home_id,
        residents=entry.residents,
        at=entry.at,
        count=entry.count,
        page=page_of(entry),
    )


def _line(entry: Event, names: Mapping[str, str], roles: Roles, number: int | None, signed: int) -> Line:
    state = MISSING if number is None else SIGNED if number <= signed else SEALED
    return _put(said(entry), entry.pk, entry.kind, names, roles, number, state)


def _open_line(view: OpenView, names: Mapping[str, str], roles: Roles) -> Line:
    words = Said(
        action=view.action,
        actor=view.actor,
        subject=view.subject,
        device=view.device,
        care_home_id=view.care_home_id,
        residents=view.residents,
        at=view.opened_at,
        count=view.count,
        page=view.page,
    )
    return _put(words, view.pk, "view", names, roles, None, WAITING)


def _put(
    words: Said, event_id: UUID, kind: str, names: Mapping[str, str], roles: Roles, number: int | None, state: str
) -> Line:
    return Line(
        id=event_id,
        at=words.at,
        kind=kind,
        who=upper_first(name_of(words.actor, names)),
        sentence=sentence(words, names),
        role=roles.at(words.actor, words.at, words.care_home_id),
        home=name_of(f"care_home:{words.care_home_id}", names) if words.care_home_id else _("Whole organisation"),
        device=upper_first(name_of(words.device, names)) if words.device else "",
        number=number,
        state=state,
    )


def by_day(rows: Iterable[Line]) -> list[tuple[datetime, list[Line]]]:
    """Grouped by London's day, in the order given; each day by its first line's time."""
    days: list[tuple[datetime, list[Line]]] = []
    for row in rows:
        if not days or days[-1][0].astimezone(LONDON).date() != row.at.astimezone(LONDON).date():
            days.append((row.at, []))
        days[-1][1].append(row)
    return days
