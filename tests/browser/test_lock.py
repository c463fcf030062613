"""The browser's half of the lock, with a clock that runs when told to."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from access.models import Session
from tests.browser.conftest import assert_usable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at_bedside(page: Page, as_user: Callable[..., Page], carer: Any, resident: Any, tablet: Any) -> Page:
    """A carer with a resident's page open on a tablet, which locks after 2 minutes."""
    page.clock.install()
    return as_user(carer, reverse("records:resident", args=[resident.pk]), *tablet)


def is_locked(carer: Any) -> bool:
    return Session.objects.filter(staff=carer, locked_at__isnull=False).exists()


def test_idle_tablet_locks_itself_and_keeps_nothing_of_the_resident(at_bedside: Page, carer: Any) -> None:
    page = at_bedside
    assert "BROWN, Ada" in page.content()

    page.clock.fast_forward("02:05")

    page.wait_for_url("**/lock/**")
    assert "Ada" not in page.content()
    assert page.title().startswith("Locked")
    assert is_locked(carer)


def test_touch_before_the_limit_keeps_the_tablet_open(at_bedside: Page) -> None:
    page = at_bedside
    page.clock.fast_forward("01:30")
    page.mouse.click(500, 1100)

    page.clock.fast_forward("01:30")

    assert "BROWN, Ada" in page.content()


def test_warning_comes_before_the_lock_and_stay_ends_it(at_bedside: Page) -> None:
    page = at_bedside
    page.clock.fast_forward("01:45")
    warning = page.get_by_role("dialog", name="This screen is about to lock")
    expect(warning).to_be_visible()
    expect(page.get_by_role("button", name="Stay")).to_be_focused()

    with page.expect_response(lambda response: response.url.endswith(reverse("access:activity"))) as told:
        page.get_by_role("button", name="Stay").tap()

    assert told.value.status == 204
    expect(warning).to_be_hidden()
    page.clock.fast_forward("01:30")
    assert "BROWN, Ada" in page.content()


def test_typing_tells_the_server_though_no_page_is_loaded(
    at_bedside: Page, live_server: Any, carer: Any, resident: Any
) -> None:
    page = at_bedside
    page.goto(live_server.url + reverse("records:daily_note_new", args=[resident.pk]))
    minute_ago = timezone.now() - timedelta(minutes=1)
    Session.objects.filter(staff=carer).update(last_input_at=minute_ago)
    page.clock.fast_forward("00:25")

    with page.expect_response(lambda response: response.url.endswith(reverse("access:activity"))):
        page.get_by_label("Note").press_sequentially("A long story", delay=1)

    assert Session.objects.get(staff=carer).last_input_at > minute_ago


def test_tablet_without_connection_empties_the_page_and_waits(at_bedside: Page, carer: Any) -> None:
    page = at_bedside
    page.context.set_offline(True)
    page.clock.fast_forward("02:05")

    expect(page.get_by_role("status").filter(has_text="Locked. There is no connection")).to_be_visible()
    assert "Ada" not in page.content()
    page.context.set_offline(False)
    page.wait_for_url("**/lock/**")
    assert is_locked(carer)


def test_sleeping_tablet_locks_at_the_touch_that_wakes_it(at_bedside: Page, carer: Any) -> None:
    page = at_bedside
    page.clock.pause_at("2099-01-01T00:00:00Z")  # no timer ran meanwhile: only the time of day has moved on

    page.mouse.click(500, 1100)

    page.wait_for_url("**/lock/**")
    assert is_locked(carer)


def test_lock_in_one_tab_empties_the_others(at_bedside: Page, live_server: Any) -> None:
    page = at_bedside
    second = page.context.new_page()
    second.goto(live_server.url + reverse("records:resident_list"))
    assert "Ada Brown" in second.content()

    page.clock.fast_forward("02:05")

    second.wait_for_url("**/lock/**")
    assert "Ada" not in second.content()


def test_lock_button_empties_the_other_open_page_and_leads_back_to_where_it_was_pressed(
    at_bedside: Page, live_server: Any
) -> None:
    page = at_bedside
    address = page.url
    page.clock.resume()
    second = page.context.new_page()
    second.goto(live_server.url + reverse("records:resident_list"))

    page.get_by_role("button", name="Lock").tap()

    second.wait_for_url("**/lock/**")
    assert "Ada" not in second.content()
    page.wait_for_url("**/lock/**")
    page.keyboard.type("246810")
    page.keyboard.press("Enter")
    page.wait_for_url(address)


def test_lock_button_empties_the_page_without_a_connection(at_bedside: Page) -> None:
    page = at_bedside
    page.clock.resume()
    page.context.set_offline(True)

    page.get_by_role("button", name="Lock").tap()

    expect(page.get_by_role("status")).to_contain_text("There is no connection")
    assert "Ada" not in page.content()
    page.context.set_offline(False)
    page.wait_for_url("**/lock/**")


def test_locked_tablet_shows_no_record_by_back_or_by_a_typed_address(at_bedside: Page) -> None:
    page = at_bedside
    address = page.url
    page.get_by_role("button", name="Lock").tap()
    page.wait_for_url("**/lock/**")

    page.goto(address)
    typed = page.content()
    page.go_back()
    back = page.content()

    assert "Ada" not in typed
    assert "Ada" not in back
    assert page.title().startswith("Locked")


def test_lock_page_is_usable_and_names_nobody_but_the_person(at_bedside: Page) -> None:
    page = at_bedside
    page.clock.resume()
    page.get_by_role("button", name="Lock").tap()
    page.wait_for_url("**/lock/**")

    assert_usable(page, "lock")
    assert "Ada" not in page.content()
    assert "Example" not in page.content()  # the surname


def test_keypad_unlocks_and_leads_back_to_the_page_that_was_open(at_bedside: Page) -> None:
    page = at_bedside
    address = page.url
    page.clock.fast_forward("02:05")
    page.wait_for_url("**/lock/**")
    page.clock.resume()

    for digit in "246810":
        page.get_by_role("button", name=digit, exact=True).tap()
    assert page.get_by_role("img", name="6 of 6 digits entered").is_visible()
    page.get_by_role("button", name="Unlock").tap()

    page.wait_for_url(address)
    assert "BROWN, Ada" in page.content()


def test_keypad_says_when_the_pin_is_wrong(at_bedside: Page) -> None:
    page = at_bedside
    page.clock.resume()
    page.get_by_role("button", name="Lock").tap()
    page.wait_for_url("**/lock/**")

    page.keyboard.type("111111")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("That PIN is not right")
    assert page.title().startswith("Error:")


def test_lock_page_works_without_scripts(
    browser: Any, browser_context_args: dict[str, Any], live_server: Any, carer: Any, resident: Any, tablet: Any
) -> None:
    from tests.doors import session_cookies

    context = browser.new_context(**{**browser_context_args, "java_script_enabled": False})
    cookies = session_cookies(carer, *tablet)
    context.add_cookies([{"name": n, "value": v, "url": live_server.url} for n, v in cookies.items()])
    page = context.new_page()
    page.goto(live_server.url + reverse("records:resident", args=[resident.pk]))
    page.get_by_role("button", name="Lock").tap()
    page.get_by_label("Your PIN").fill("246810")

    with page.expect_navigation():
        page.get_by_role("button", name="Unlock").tap()

    page.goto(live_server.url + reverse("records:resident", args=[resident.pk]))
    assert "BROWN, Ada" in page.content()
    context.close()
