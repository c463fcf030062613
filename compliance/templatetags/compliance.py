"""How states, verdicts and sizes look: always a word and an icon, never colour alone."""

from django import template
from django.utils.translation import gettext_lazy as _

from compliance.dspt.assessment import State
from compliance.dspt.collectors import Verdict
from compliance.models import Pack

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
