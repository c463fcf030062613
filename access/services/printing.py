"""Prints: told by the browser, sealed as what the page was."""

import hashlib
from uuid import UUID

import audit.services
from access.actors import Actor
from access.printing import PrintedPage, read_token
from access.services.tokens import answer_once
from audit.context import Origin, acting


def record_print(*, teller: Actor, token: str, print_id: UUID, seconds_ago: int) -> None:
    """Seal that a page was printed, by the person it was shown to: told later, another may be signed in.

    token: access.printing. print_id: the browser's own, so that a telling sent twice is one print. seconds_ago: how
    long before the telling the device says it was. A colleague is believed about another's print once for each page
    shown, and only on the very tablet that showed it; from elsewhere the print is sealed as the colleague's own.
    Raises UnknownPage. Appends records.resident.printed, records.resident_list.printed or <app>.page.printed.
    """
    printed = read_token(token, teller.organisation_id)
    own = teller.ref == printed.staff
    same_tablet = teller.device is not None and teller.device.ref == printed.device

    def act() -> tuple[int, object]:
        _append(printed, teller, seconds_ago, as_shown=own or same_tablet)
        return 204, {}

    key = str(print_id) if own else hashlib.sha256(token.encode()).hexdigest()[:32]
    answer_once(actor=teller, key=f"print-{key}", request=token.encode(), act=act)


def _append(printed: PrintedPage, teller: Actor, seconds_ago: int, *, as_shown: bool) -> None:
    detail: dict[str, object] = {"page": printed.page, "seconds_ago": seconds_ago, "residents": printed.count}
    if teller.ref != printed.staff:
        detail |= {"told_by": teller.ref} if as_shown else {"shown_to": printed.staff}
    device = teller.device.ref if teller.device else None
    by, on = (printed.staff, printed.device) if as_shown else (teller.ref, device)
    with acting(Origin(printed.organisation_id, by, on)):
        audit.services.append(
            organisation_id=printed.organisation_id,
            actor=by,
            action=_action(printed),
            subject=_subject(printed),
            detail=detail,
            residents=printed.residents,
            care_home_id=printed.care_home_id,
        )


def _action(printed: PrintedPage) -> str:
    if printed.count:
        return "records.resident.printed" if printed.count == 1 else "records.resident_list.printed"
    app = printed.page.partition(":")[0] if ":" in printed.page else "carehome"
    return f"{app}.page.printed"


def _subject(printed: PrintedPage) -> str:
    if len(printed.residents) == 1:
        return f"resident:{printed.residents[0]}"
    if printed.care_home_id:
        return f"care_home:{printed.care_home_id}"
    return f"organisation:{printed.organisation_id}"
