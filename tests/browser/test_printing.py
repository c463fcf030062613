"""Printing in a real browser: the telling survives the page, a lost connection and a locked session."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from audit.models import Event

pytestmark = pytest.mark.django_db(transaction=True)
PRINT = "window.dispatchEvent(new Event('beforeprint'))"
WAITING = "JSON.parse(localStorage.getItem('carehome-prints') || '[]').length"


def printed() -> list[Any]:
    return list(Event.objects.filter(action__endswith="printed").order_by("at", "id"))


def waits(page: Page, expression: str, expected: object) -> None:
    """Asked from outside: the content policy lets no string be evaluated in the page."""
    for _time in range(100):
        if page.evaluate(expression) == expected:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{expression} did not become {expected}")


def told(page: Page) -> None:
    waits(page, WAITING, 0)


def test_print_is_told_once(as_user: Callable[..., Page], carer: Any, resident: Any) -> None:
    page = as_user(carer, reverse("records:resident", args=[resident.pk]))

    page.evaluate(PRINT)
    told(page)

    (entry,) = printed()
    assert (entry.action, entry.actor, entry.residents) == ("records.resident.printed", carer.ref, [resident.pk])


def test_browsers_own_print_is_told(as_user: Callable[..., Page], carer: Any, resident: Any) -> None:
    """Not by our button: by the browser's menu or a key."""
    page = as_user(carer, reverse("records:resident", args=[resident.pk]))

    page.pdf()
    told(page)

    assert [entry.subject for entry in printed()] == [resident.ref]


def test_print_button_of_a_certificate_prints(as_user: Callable[..., Page], manager: Any, erased: Any) -> None:
    page = as_user(manager, reverse("records:erasure", args=[erased.pk]))
    page.evaluate(f"void (window.print = () => {{ {PRINT} }})")

    page.get_by_role("button", name="Print").tap()
    told(page)

    assert [entry.action for entry in printed()] == ["records.page.printed"]


def test_print_without_a_connection_is_told_from_the_next_page(
    as_user: Callable[..., Page], carer: Any, resident: Any
) -> None:
    page = as_user(carer, reverse("records:resident", args=[resident.pk]))
    page.context.set_offline(True)
    page.evaluate(PRINT)
    waits(page, WAITING, 1)
    assert printed() == []

    page.context.set_offline(False)
    page.goto(page.url)
    told(page)

    assert [entry.subject for entry in printed()] == [resident.ref]


def test_print_is_kept_when_the_session_is_locked_and_told_after(
    as_user: Callable[..., Page], carer: Any, resident: Any
) -> None:
    from access.models import Session
    from access.services import lock_session

    page = as_user(carer, reverse("records:resident", args=[resident.pk]))
    row = Session.objects.select_related("staff", "device").get(staff=carer)
    lock_session(row=row, reason="asked")

    with page.expect_response("**/session/printed/") as answer:
        page.evaluate(PRINT)
    assert answer.value.status == 423
    Session.objects.filter(pk=row.pk).update(locked_at=None)
    page.goto(page.url)
    told(page)

    assert len(printed()) == 1


def test_page_emptied_by_the_lock_tells_no_print(as_user: Callable[..., Page], carer: Any, resident: Any) -> None:
    page = as_user(carer, reverse("records:resident", args=[resident.pk]))
    page.context.set_offline(True)
    page.get_by_role("button", name="Lock").first.tap()
    waits(page, "!document.body.dataset.printToken", True)

    page.evaluate(PRINT)

    assert page.evaluate(WAITING) == 0


@pytest.fixture
def erased(manager: Any, resident: Any, actor_for: Callable[[Any], Any]) -> Any:
    from records.services import erase_resident

    return erase_resident(
        actor=actor_for(manager),
        resident=resident,
        basis="mistake",
        reason="Entered twice.",
        confirm="Ada Brown",
        law_allows=True,
    )
