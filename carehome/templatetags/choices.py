"""Radios as tiles: a page that knows what its choices mean gives each an icon; the form does not."""

from typing import Any

from django import template
from django.forms.boundfield import BoundField
from django.utils.safestring import SafeString

from .components import icon

register = template.Library()


@register.simple_tag
def choice_icons(field: BoundField, **icons: str) -> str:
    """Draw the field's radios as tiles: {% choice_icons form.kind meal="meal" rest="sleep" %}, then {{ form }}."""
    field.field.widget.attrs["icons"] = icons
    return ""


@register.simple_tag
def choice_icon(option: dict[str, Any]) -> SafeString:
    """The large icon of one option, or nothing."""
    name = option["attrs"].get("icons", {}).get(str(option["value"]))
    return icon(name, "l") if name else SafeString("")
