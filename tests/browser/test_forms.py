"""Writing a note with fingers, with a keyboard, twice by accident, and wrongly."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from records.models import DailyNote
from tests.browser.conftest import assert_usable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def note_form(as_user: Callable[..., Page], carer: Any, resident: Any) -> Page:
    return as_user(carer, reverse("records:daily_note_new", args=[resident.pk]))


def test_note_written_with_fingers_is_saved_and_shown(note_form: Page, resident: Any) -> None:
    page = note_form
    page.get_by_label("Note").fill("Ate well, and laughed at the quiz.")
    page.get_by_role("radio", name="Mood").tap()

    page.get_by_role("button", name="Save note").tap()

    page.wait_for_url("**" + reverse("records:resident", args=[resident.pk]))
    expect(page.get_by_role("status").filter(has_text="Note saved.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="laughed at the quiz")).to_be_visible()
    assert [note.kind for note in DailyNote.objects.all()] == ["mood"]


def test_note_can_be_written_with_the_keyboard_alone(note_form: Page) -> None:
    page = note_form
    reached: list[str] = []
    for _press in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()")
        reached.append(name)
        if name == "body":
            page.keyboard.type("Slept well.")
        if name == "Save note":
            page.keyboard.press("Enter")
            break

    page.wait_for_url("**/residents/*/")
    assert reached[0] == "Skip to main content"
    assert [note.body for note in DailyNote.objects.all()] == ["Slept well."]


def test_focus_is_always_seen_and_never_under_the_banner_or_the_bar(note_form: Page) -> None:
    page = note_form
    hidden: list[str] = []
    for _press in range(30):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => {
              const e = document.activeElement, b = e.getBoundingClientRect();
              const seen = e.matches('[type=radio], [type=checkbox]') ? e.labels[0] : e;
              const x = b.x + b.width / 2, y = b.y + Math.min(b.height / 2, 20), top = document.elementFromPoint(x, y);
              const over = top && (e.contains(top) || top.contains(e) || seen.contains(top));
              return e === document.body || (over && getComputedStyle(seen).outlineStyle !== 'none') ||
                e.matches('[type=checkbox]') ? '' : e.outerHTML.slice(0, 120);
            }"""
        )
        hidden += [found] if found else []

    assert hidden == []


def test_empty_note_says_what_to_do_and_keeps_the_rest(note_form: Page) -> None:
    page = note_form
    page.get_by_role("radio", name="Rest").tap()

    page.get_by_role("button", name="Save note").tap()

    expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    assert page.title().startswith("Error: ")
    assert page.locator("[name=kind]:checked").input_value() == "rest"
    assert not DailyNote.objects.exists()
    assert_usable(page, "daily_note_new-error")
    page.locator(".nhsuk-error-summary a").tap()
    expect(page.get_by_label("Note")).to_be_focused()


def test_button_pressed_twice_sends_one_note(note_form: Page) -> None:
    page = note_form
    page.get_by_label("Note").fill("Two quick taps.")
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)

    page.evaluate(
        """() => {
          const button = [...document.querySelectorAll('main form button')].at(-1);
          button.click();
          button.click();
        }"""
    )

    page.wait_for_url("**/residents/*/")
    assert len(posts) == 1
    assert DailyNote.objects.count() == 1


def test_button_says_saving_while_the_note_is_on_its_way(note_form: Page) -> None:
    page = note_form
    page.get_by_label("Note").fill("Slow line.")
    page.route("**/notes/new/", lambda route: None)  # never answered

    state = page.evaluate(
        """() => new Promise(resolve => {
          const button = [...document.querySelectorAll('main form button')].at(-1);
          button.click();
          setTimeout(() => resolve([button.textContent, button.disabled]), 50);
        })"""
    )

    assert state == ["Saving…", True]


def test_lost_connection_is_said_in_the_bar(note_form: Page) -> None:
    page = note_form
    expect(page.get_by_role("status").filter(has_text="Connected")).to_be_visible()

    page.context.set_offline(True)

    expect(page.get_by_role("status").filter(has_text="No connection")).to_be_visible()
    page.context.set_offline(False)
