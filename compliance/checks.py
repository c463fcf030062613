"""System checks: no process starts with an edition that does not hold together."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from compliance.dspt import edition
from compliance.errors import BadEdition


@register()
def editions_hold_together(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for key in edition.published_keys():
        try:
            edition.published(key)
        except BadEdition as error:
            found.append(Error(str(error), hint=f"Correct compliance/dspt/editions/{key}.toml.", id="compliance.E001"))
    return found
