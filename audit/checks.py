"""Refuses a start with anchors that cannot be understood: a witness that was misspelt would be missing in silence."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from audit.anchors import destinations
from audit.errors import AnchorUnknown


@register()
def anchors_understood(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    try:
        destinations()
    except AnchorUnknown as error:
        return [Error(str(error), id="audit.E001")]
    return []
