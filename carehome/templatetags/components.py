"""The small parts that pages are built of: icons, tags, cards, meters, and how dates, times and numbers are written."""

import datetime as dt
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

from django import template
from django.template.loader import render_to_string
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()

LONDON = ZoneInfo("Europe/London")
TAG_COLOURS = {"red", "orange", "green", "blue", "purple", "grey", "alarm"}
AVATAR_TONES = 6


# --- parts ----------------------------------------------------------------------------------------------------------
@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """An icon of the sprite, by name; size is "s", "l" or nothing. Never alone: a word stands beside it."""
    css = f"app-i app-i-{size}" if size else "app-i"
    return format_html('<svg class="{}" aria-hidden="true" focusable="false"><use href="#i-{}"/></svg>', css, name)


@register.simple_tag
def tag(text: object, colour: str = "grey", icon: str = "") -> SafeString:
    """A state in words, with an optional icon. Colour "alarm" is for allergies only."""
    if colour not in TAG_COLOURS:
        colour = "grey"
    css = "app-tag--alarm" if colour == "alarm" else f"nhsuk-tag--{colour}"
    picture = _icon(icon, "s") if icon else ""
    return format_html('<span class="nhsuk-tag app-tag {}">{} {}</span>', css, picture, text)


_icon = icon  # the tag above has an argument of the same name, which templates read better


@register.simple_block_tag
def card(content: str, heading: str = "", modifier: str = "", level: int = 2) -> SafeString:
    """A white card around the content; with a heading it is a section of its own."""
    element = "section" if heading else "div"
    title = format_html('<h{0} class="nhsuk-heading-s app-h2">{1}</h{0}>', level, heading) if heading else ""
    return format_html(
        '<{0} class="nhsuk-card app-card app-stack {1}">{2}{3}</{0}>',
        element,
        modifier,
        title,
        SafeString(content),  # the block's own output, escaped where it was written
    )


@register.simple_tag
def avatar(name: str, size: str = "") -> SafeString:
    """A person's initials on a quiet ground, where there is no photo. Decoration: the name stands beside it."""
    tone = crc32(name.encode()) % AVATAR_TONES + 1
    css = f"app-avatar app-avatar--{tone}" + (f" app-avatar--{size}" if size else "")
    return format_html('<span class="{}" aria-hidden="true">{}</span>', css, initials(name))


@register.simple_tag
def meter(value: float, of: float, label: str, colour: str = "green", small: bool = False) -> SafeString:
    """A bar of value out of a whole. The label holds the numbers, for people who do not see the bar."""
    return meter_stack(label, of, small=small, **{colour: value})


@register.simple_tag
def meter_stack(label: str, of: float, small: bool = False, **parts: float) -> SafeString:
    """A bar of several parts, in the order given: meter_stack label of=45 green=38 orange=4 red=3."""
    whole = max(float(of or 0), 0.0)
    ends: list[tuple[str, float]] = []
    reached = 0.0
    for colour, value in parts.items():
        reached += max(float(value or 0), 0.0)
        ends.append((colour, min(reached / whole, 1.0) * 300 if whole else 0.0))
    return SafeString(
        render_to_string(
            "components/meter.html",
            # the longest first, so that each shorter one lies over it
            {"label": label, "small": small, "bars": [(colour, f"{width:.1f}") for colour, width in reversed(ends)]},
        )
    )


# --- dates and times, as people in the home read them ---------------------------------------------------------------
def _local(value: dt.datetime) -> dt.datetime:
    return value.astimezone(LONDON) if timezone.is_aware(value) else value


@register.filter
def day(value: dt.date | dt.datetime | None) -> str:
    """12 May 2026"""
    if not value:
        return _("Not recorded")
    moment = _local(value) if isinstance(value, dt.datetime) else value
    return formats.date_format(moment, "j F Y")


@register.filter
def weekday(value: dt.date | dt.datetime) -> str:
    """Tuesday 12 May"""
    moment = _local(value) if isinstance(value, dt.datetime) else value
    return formats.date_format(moment, "l j F")


@register.filter(name="time")
def time_of_day(value: dt.datetime | dt.time | None) -> str:
    """14:05"""
    if value is None:
        return _("Not recorded")
    moment = _local(value) if isinstance(value, dt.datetime) else value
    return moment.strftime("%H:%M")


@register.filter
def when(value: dt.datetime | None) -> str:
    """12 May 2026 at 14:05"""
    if not value:
        return _("Not recorded")
    return _("%(day)s at %(time)s") % {"day": day(value), "time": time_of_day(value)}


@register.filter
def stamp(value: dt.datetime | None) -> str:
    """The instant for a datetime attribute, which machines read: 2026-05-12T14:05:00+01:00"""
    return _local(value).isoformat(timespec="seconds") if value else ""


@register.filter
def duration(value: dt.timedelta | None) -> str:
    """11 minutes; 2 hours 5 minutes; 3 days 4 hours: the two largest parts, and no false precision."""
    if value is None:
        return _("Not recorded")
    seconds = int(value.total_seconds())
    if seconds < 1:
        return _("less than 1 second")
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    parts = [
        (days, ngettext("%(n)s day", "%(n)s days", days)),
        (hours, ngettext("%(n)s hour", "%(n)s hours", hours)),
        (minutes, ngettext("%(n)s minute", "%(n)s minutes", minutes)),
        (seconds, ngettext("%(n)s second", "%(n)s seconds", seconds)),
    ]
    first = next(place for place, (amount, _words) in enumerate(parts) if amount)
    return " ".join(words % {"n": amount} for amount, words in parts[first : first + 2] if amount)


@register.filter
def born(value: dt.date | None) -> str:
    """14-Mar-1938 (88y): the banner's form, which no one can read as another day or century."""
    if not value:
        return _("Not recorded")
    today = timezone.now().astimezone(LONDON).date()
    age = today.year - value.year - ((today.month, today.day) < (value.month, value.day))
    return _("%(date)s (%(age)sy)") % {"date": formats.date_format(value, "d-M-Y"), "age": age}


# --- numbers and names ----------------------------------------------------------------------------------------------
@register.filter
def number(value: int | None) -> str:
    """1,500"""
    return _("Not recorded") if value is None else f"{value:,}"


@register.filter
def nhs_number(value: str | None) -> str:
    """999 204 7186; anything that is not ten digits is shown as it was recorded."""
    digits = (value or "").replace(" ", "")
    if not digits:
        return _("Not recorded")
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}" if len(digits) == 10 and digits.isdigit() else str(value)


@register.filter
def initials(name: str) -> str:
    """AB for Ada Brown: the first and the last name's first letters."""
    words = [word for word in name.split() if word[0].isalpha()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


@register.simple_tag(takes_context=True)
def query_with(context: dict[str, Any], **changes: object) -> str:
    """The page's query string with some parts changed, so that filters survive paging."""
    query = context["request"].GET.copy()
    for key, value in changes.items():
        if value in (None, ""):
            query.pop(key, None)
        else:
            query[key] = str(value)
    return f"?{query.urlencode()}"
