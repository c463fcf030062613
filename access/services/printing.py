"""Prints: told by the browser, sealed as what the page was."""

from uuid import UUID

import audit.services
from access.actors import Actor
from access.printing import PrintedPage, read_token
from access.services.tokens import answer_once
from audit.context import Origin, acting


def record_print(*, teller: Actor, token: str, print_id: UUID, seconds_ago: int) -> None:
    """Seal that a page was printed, by the person it was shown to: told later, another may be signed in.

    token: access.printing. print_id: the browser's own, so that a telling sent twice is one print. seconds_ago: how
    long before the telling the device says it was. Raises UnknownPage.
    Appends records.resident.printed, records.resident_list.printed or <app>.page.printed.
    """
    printed = read_token(token, teller.organisation_id)

    def act() -> tuple[int, object]:
        _append(printed, teller, seconds_ago)
        return 204, {}

    answer_once(actor=teller, key=f"print-{print_id}", request=token.encode(), act=act)


def _append(printed: PrintedPage, teller: Actor, seconds_ago: int) -> None:
    detail: dict[str, object] = {"page": printed.page, "seconds_ago": seconds_ago, "residents": printed.count}
    if teller.ref != printed.staff:
        detail["told_by"] = teller.ref
    with acting(Origin(printed.organisation_id, printed.staff, printed.device)):
        audit.services.append(
            organisation_id=printed.organisation_id,
            actor=printed.staff,
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
