"""Icons on choices: a radio whose widget says data-icons shows, over its label, the icon its option names."""

from typing import Any

from django import template
from django.utils.safestring import SafeString

from .components import icon

register = template.Library()


@register.simple_tag
def choice_icon(option: dict[str, Any]) -> SafeString:
    """The large icon of an option, or nothing.

    data-icons on the widget maps values to icons: RadioSelect(attrs={"data-icons": {"drink": "drink"}}).
    """
    icons = option["attrs"].get("data-icons")
    name = icons.get(str(option["value"])) if isinstance(icons, dict) else None
    return icon(name, "l") if name else SafeString("")
