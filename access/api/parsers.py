"""JSON, read strictly."""

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class StrictJSONParser(JSONParser):
    """JSON without duplicate names, NaN, halves of characters or bottomless nesting: what was sent is what is read."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            data = json.loads(stream.read().decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)
            json.dumps(data, ensure_ascii=False).encode()  # a lone surrogate could not even be answered
            return data
        except RequestDataTooBig:
            raise
        except (ValueError, RecursionError) as error:
            raise ParseError(_("The body is not well-formed JSON in UTF-8.")) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("A name stands twice.")
    return result


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON.")
