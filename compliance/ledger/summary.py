"""What was chosen, in words: chips that can be taken away one by one, and one line for print and files."""

from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import queries as access_queries
from access.actors import Actor
from compliance.ledger.filters import ALL, DEFAULT, SYSTEM, Filters
from compliance.ledger.forms import KINDS
from compliance.ledger.names import device_names, home_names, resident_names
from compliance.ledger.sentences import GROUPS, name_of

PERIOD_WORDS = {
    "today": gettext_lazy("Today"),
    "yesterday": gettext_lazy("Yesterday"),
    "7": gettext_lazy("Last 7 days"),
    "30": gettext_lazy("Last 30 days"),
    ALL: gettext_lazy("All time"),
}
WEEKDAYS = (
    gettext_lazy("Monday"), gettext_lazy("Tuesday"), gettext_lazy("Wednesday"), gettext_lazy("Thursday"),
    gettext_lazy("Friday"), gettext_lazy("Saturday"), gettext_lazy("Sunday"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chip:
    """words: what was chosen; names: the filters that this chip takes away."""

    words: str
    names: tuple[str, ...]


def chips(actor: Actor, filters: Filters) -> list[Chip]:
    """One for each thing chosen, with names of people and places: at most four queries."""
    found: list[Chip] = []

    def add(words: object, *names: str) -> None:
        found.append(Chip(str(words), names))

    if filters.resident:
        names = resident_names(actor, [filters.resident])
        add(_("About %(who)s") % {"who": name_of(f"resident:{filters.resident}", names)}, "resident")
    if filters.person == SYSTEM:
        add(_("By the system"), "person")
    elif filters.person:
        names = access_queries.staff_names(actor.organisation_id, {filters.actor})
        add(_("By %(who)s") % {"who": name_of(filters.actor, names)}, "person")
    if filters.did:
        add(GROUPS[filters.did], "did")
    if filters.kind:
        add(next(label for kind, label in KINDS.items() if kind.value == filters.kind), "kind")
    if filters.home:
        add(name_of(f"care_home:{filters.home}", home_names(actor.organisation_id)), "home")
    if filters.device:
        ref = f"device:{filters.device}"
        add(
            _("On %(device)s") % {"device": name_of(ref, device_names(actor.organisation_id, [filters.device]))},
            "device",
        )
    if filters.alert:
        add(_("What an alert is about"), "alert")
    if filters.number is not None:
        add(_("Entry %(number)s") % {"number": f"{filters.number:,}"}, "number")
    if filters.hour is not None or filters.weekday is not None:
        add(_hours(filters), "hour", "weekday")
    if filters.since or filters.until:
        add(_dates(filters), "since", "until")
    return found


def in_words(actor: Actor, filters: Filters) -> str:
    """One line, with the time it is about."""
    words = [chip.words for chip in chips(actor, filters)]
    if not (filters.since or filters.until or filters.alert or filters.number is not None):
        words.append(str(PERIOD_WORDS[filters.period or DEFAULT]))
    return "; ".join(words)


def _hours(filters: Filters) -> str:
    day = str(WEEKDAYS[filters.weekday - 1]) if filters.weekday else _("Every day")
    if filters.hour is None:
        return day
    return _("%(day)s, %(from)s to %(to)s") % {
        "day": day,
        "from": f"{filters.hour:02d}:00",
        "to": f"{filters.hour:02d}:59",
    }


def _dates(filters: Filters) -> str:
    since, until = filters.since, filters.until
    if since and until:
        if since == until:
            return date_format(since, "j F Y")
        return _("%(since)s to %(until)s") % {
            "since": date_format(since, "j F Y"),
            "until": date_format(until, "j F Y"),
        }
    if since:
        return _("From %(since)s") % {"since": date_format(since, "j F Y")}
    assert until is not None  # one of the two is set
    return _("Until %(until)s") % {"until": date_format(until, "j F Y")}
