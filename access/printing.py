"""Which page a print is of: the page carries a token that says what the server put on it.

No request reaches the server when a browser prints, so a script tells of it (static/js/print.js). What it sends is this
token, made and signed here while the page was rendered: who was looking, on which device, the route, and the residents
whose records came by. The telling can therefore neither name a page that was not shown, nor somebody else.
It holds ids only, for a device without a connection keeps it until it can tell.
"""

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core import signing

from access.errors import UnknownPage
from access.http import match_of
from audit.reading import reading_or_none

KEPT_FOR = timedelta(days=14)  # how late a print may still be told of
_SALT = "access.print"
_MOST = 1_000  # residents that a token names; beyond, it says only how many


@dataclass(frozen=True, slots=True)
class PrintedPage:
    """staff, device: refs. count: how many residents the page showed, also where they are too many to be named."""

    organisation_id: UUID
    staff: str
    device: str | None
    page: str
    residents: tuple[UUID, ...]
    count: int
    care_home_id: UUID | None


def page_token(request: Any) -> str:
    """The token of the page that is being rendered for a signed-in person."""
    row, match, reading = request.staff_session, match_of(request), reading_or_none()
    residents = sorted(reading.residents) if reading else []
    homes = reading.care_homes if reading else set()
    named = residents if len(residents) <= _MOST else []
    content = {
        "o": str(request.organisation_id),
        "s": row.staff.ref,
        "d": row.device.ref if row.device else None,
        "p": match.view_name if match else "none",
        "r": base64.b64encode(b"".join(resident.bytes for resident in named)).decode(),
        "n": len(residents),
        "h": str(next(iter(homes))) if len(homes) == 1 else None,
    }
    return signing.dumps(content, salt=_SALT)


def read_token(token: str, organisation_id: UUID) -> PrintedPage:
    """Raises UnknownPage where it is none of ours, too old, or another organisation's."""
    try:
        content = signing.loads(token, salt=_SALT, max_age=KEPT_FOR)
    except signing.BadSignature as error:
        raise UnknownPage from error
    if content["o"] != str(organisation_id):
        raise UnknownPage
    packed = base64.b64decode(content["r"])
    return PrintedPage(
        organisation_id=organisation_id,
        staff=content["s"],
        device=content["d"],
        page=content["p"],
        residents=tuple(UUID(bytes=packed[start : start + 16]) for start in range(0, len(packed), 16)),
        count=content["n"],
        care_home_id=UUID(content["h"]) if content["h"] else None,
    )
