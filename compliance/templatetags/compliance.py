"""How states, verdicts and sizes look: always a word and an icon, never colour alone."""

from datetime import datetime

from django import template
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from compliance.dspt.assessment import State
from compliance.dspt.collectors import Verdict
from compliance.models import Pack
from compliance.reports.tables import Mood

register = template.Library()

_STATES = {
    State.CONFIRMED: (_("Confirmed"), "green", "check"),
    State.SUGGESTED: (_("Suggested"), "blue", "search"),
    State.REFRESH: (_("Refresh"), "orange", "clock"),
    State.UNKNOWN: (_("Unknown"), "purple", "off"),
    State.MISSING: (_("Missing"), "red", "cross"),
}
_VERDICTS = {
    Verdict.MET: (_("Pass"), "green", "check"),
    Verdict.NOT_MET: (_("Not met"), "red", "cross"),
    Verdict.UNKNOWN: (_("Not known"), "purple", "off"),
}
_PACKS = {
    Pack.State.WAITING: (_("Waiting"), "purple", "clock"),
    Pack.State.BUILDING: (_("Being made"), "blue", "clock"),
    Pack.State.READY: (_("Ready"), "green", "check"),
    Pack.State.FAILED: (_("Failed"), "red", "cross"),
    Pack.State.EXPIRED: (_("Removed"), "grey", "out"),
}
_EDGES = {State.CONFIRMED: "g", State.MISSING: "r"}


def _look(words: tuple[object, str, str]) -> dict[str, object]:
    return dict(zip(("text", "colour", "icon"), words, strict=True))


@register.filter
def state_look(state: State) -> dict[str, object]:
    """text, colour and icon of an item's state, for {% tag %}."""
    return _look(_STATES[State(state)])


@register.filter
def verdict_look(verdict: Verdict) -> dict[str, object]:
    return _look(_VERDICTS[Verdict(verdict)])


@register.filter
def pack_look(state: str) -> dict[str, object]:
    return _look(_PACKS[Pack.State(state)])


@register.filter
def edge(state: State) -> str:
    """The letter of a standard's card: green only when everything in it is confirmed."""
    return _EDGES.get(State(state), "a")


@register.filter
def spaced(digits: str) -> str:
    """Hexadecimal digits in groups of four, to be read aloud."""
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


_MOODS = {
    Mood.GOOD: (_("In order"), "check", "green"),
    Mood.LOOK: (_("Look at this"), "clock", "amber"),
    Mood.BAD: (_("Needs action"), "warn", "red"),
    Mood.PLAIN: (_("For information"), "log", "blue"),
}


@register.filter
def mood_word(mood: Mood) -> object:
    return _MOODS[Mood(mood)][0]


@register.filter
def mood_icon(mood: Mood) -> str:
    return _MOODS[Mood(mood)][1]


@register.filter
def notice(mood: Mood) -> str:
    """The colour of a notice."""
    return _MOODS[Mood(mood)][2]


_REPORTS = {
    "audit.ledger-verified": "integrity",
    "compliance.access-by-role": "access",
    "compliance.privileged-reviews": "privileged",
    "compliance.exports": "exports",
    "access.leavers": "leavers",
    "access.failed-sign-ins": "sign-ins",
    "access.break-glass": "break-glass",
}


@register.filter
def report_of(collector: str) -> str:
    """The report that shows what a collector saw; empty where there is none."""
    return _REPORTS.get(collector, "")


@register.filter
def since(at: datetime | None, now: datetime) -> str:
    """How long ago: 20 seconds, 3 minutes; the largest part only."""
    seconds = max(int((now - at).total_seconds()), 0) if at else 0
    if seconds < 120:
        return ngettext("%(n)s second", "%(n)s seconds", seconds) % {"n": seconds}
    minutes = seconds // 60
    if minutes < 120:
        return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
    hours = minutes // 60
    return ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
