"""Who looked at a record, in a real browser: a manager's desk, a daughter's telephone, and a question between them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from audit.models import OpenView
from compliance.access_reports.services import answer_question, ask_why, share_report, visitor_of
from compliance.models import AccessQuestion
from records.services import write_daily_note
from tests.browser.conftest import PHONE, SCREENSHOTS, accessibility_faults, assert_usable
from tests.doors import client_of

pytestmark = pytest.mark.django_db(transaction=True)
TELEPHONE = {"width": 390, "height": 844}
DESK = {"width": 1366, "height": 1024}


@pytest.fixture
def lived_in(world: Any, resident: Any, manager: Any, actor_for: Callable[[Any], Any], tablet: Any) -> dict[str, Any]:
    """A record that people opened, listed, wrote in; a link; a question that was answered and one that waits."""
    device, secret = tablet
    world.admit(first_name="Iris", last_name="Hall", room="5")
    jo, sam = world.person("carer", name="Jo"), world.person("nurse", name="Samuel-Oluwaseun")
    for person in (jo, sam, jo):
        client = client_of(person, device, secret) if person is jo else client_of(person)
        for page in ("records:resident", "records:daily_notes"):
            client.get(reverse(page, args=[resident.pk]))
        client.get(reverse("records:resident_list"))
    for person in (jo, sam):
        write_daily_note(actor=actor_for(person), resident=resident, body="Slept well.", occurred_at=timezone.now())
    share, token, code = share_report(
        actor=actor_for(manager),
        resident=resident,
        receiver="Jane Brown",
        relation="Daughter",
        basis="welfare_attorney",
    )
    looks = {view.page: view.pk for view in OpenView.objects.filter(actor=jo.ref)}
    visitor = visitor_of(share)
    words = "She does not work on Mum’s floor. Why was she reading this?"
    first = ask_why(asker=visitor, resident=resident, entry_id=looks["records:daily_notes"], words=words)
    second = ask_why(asker=visitor, resident=resident, entry_id=OpenView.objects.filter(actor=sam.ref)[0].pk)
    answer_question(
        actor=actor_for(manager), question=first, outcome="explained",
        words="Jo helped on Oak that afternoon because a colleague was ill. She read the notes before she helped.",
    )  # fmt: skip
    return {
        "resident": resident.pk, "entry": looks["records:resident"], "answered": first.pk, "question": second.pk,
        "path": reverse("my_record:report", args=[world.organisation.code, token]), "code": code,
    }  # fmt: skip


STAFF_PAGES = {
    "access_report": ["resident"],
    "access_report_shares": ["resident"],
    "access_report_share_new": ["resident"],
    "access_report_ask": ["resident", "entry"],
    "access_questions": [],
    "access_question": ["question"],
    "access_report_names": [],
}


@pytest.mark.parametrize("name", STAFF_PAGES)
def test_page_of_who_looked_is_usable(
    as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any], name: str
) -> None:
    page = as_user(manager, reverse(f"compliance:{name}", args=[lived_in[key] for key in STAFF_PAGES[name]]))

    assert_usable(page, f"looked-{name}")
    page.set_viewport_size(DESK)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.screenshot(path=SCREENSHOTS / f"looked-{name}-desk.png", full_page=True)


def test_answered_question_and_senior_carers_report_are_usable(
    world: Any, as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any]
) -> None:
    page = as_user(manager, reverse("compliance:access_question", args=[lived_in["answered"]]))
    assert_usable(page, "looked-answered")

    page = as_user(world.person("senior_carer"), reverse("compliance:access_report", args=[lived_in["resident"]]))
    expect(page.get_by_role("navigation", name="Ada Brown's record").get_by_text("Who looked")).to_be_visible()
    assert_usable(page, "looked-senior")


def test_report_prints_without_its_controls(
    as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any]
) -> None:
    page = as_user(manager, reverse("compliance:access_report", args=[lived_in["resident"]]))
    page.emulate_media(media="print")

    expect(page.get_by_text(re.compile(r"Printed by Registered Example, \d"))).to_be_visible()
    expect(page.get_by_text(re.compile("Rosebank Care"))).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Ask why"))).to_have_count(0)
    page.screenshot(path=SCREENSHOTS / "looked-print.png", full_page=True)


def test_letter_is_taken_from_the_page(
    as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any], tmp_path: Path
) -> None:
    page = as_user(manager, reverse("compliance:access_report", args=[lived_in["resident"]]))

    for _again in range(2):  # the button serves again after a download
        with page.expect_download() as download:
            page.get_by_role("button", name="Letter (PDF)").click()
        file = tmp_path / "letter.pdf"
        download.value.save_as(file)
        assert file.read_bytes().startswith(b"%PDF-")


def test_daughter_asks_on_her_telephone_and_reads_the_answer(
    page: Page, live_server: Any, lived_in: dict[str, Any], manager: Any, actor_for: Callable[[Any], Any]
) -> None:
    page.set_viewport_size(TELEPHONE)
    page.goto(live_server.url + lived_in["path"])
    _usable_on_a_telephone(page, "my-record-code")
    assert "Brown" not in page.content()

    page.get_by_label("Code").fill("aaaa aaaa")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_text("That is not the code of this link.").first).to_be_visible()
    _usable_on_a_telephone(page, "my-record-wrong-code")
    page.get_by_label("Code").fill(lived_in["code"].lower())
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", name="Who looked at the record of Ada Brown")).to_be_visible()
    _usable_on_a_telephone(page, "my-record-report")

    page.get_by_role("link", name=re.compile("Ask why.*Jo Example opened today's page")).click()
    _usable_on_a_telephone(page, "my-record-ask")
    page.get_by_label(re.compile("something you want to know")).fill("What was this about?")
    page.get_by_role("button", name="Send the question").click()
    expect(page.get_by_text("What was this about?")).to_be_visible()
    _usable_on_a_telephone(page, "my-record-asked")

    asked = AccessQuestion.objects.get(entry_id=lived_in["entry"])
    answer_question(actor=actor_for(manager), question=asked, outcome="not_explained", words="We are looking into it.")
    page.reload()
    expect(page.get_by_text("We are looking into it.")).to_be_visible()
    _usable_on_a_telephone(page, "my-record-answered")

    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()


def test_dead_link_says_what_to_do(page: Page, live_server: Any, lived_in: dict[str, Any]) -> None:
    page.set_viewport_size(TELEPHONE)
    page.goto(f"{live_server.url}/my-record/rosebank/{'x' * 32}/")

    expect(page.get_by_text("Ask the care home that sent it for a new one.")).to_be_visible()
    _usable_on_a_telephone(page, "my-record-unknown")
    assert Client().get(lived_in["path"]).status_code == 200


def test_link_is_made_and_shown_once(as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any]) -> None:
    page = as_user(manager, reverse("compliance:access_report_share_new", args=[lived_in["resident"]]))
    page.get_by_role("button", name="Make the link").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    assert_usable(page, "looked-share-error")

    page.get_by_label("Who is the link for?").fill("Tom Brown")
    page.get_by_label("Who are they to the resident?").fill("Son")
    page.get_by_label("The resident asked for it").check()
    page.get_by_label(re.compile("I have seen the document")).check()
    page.get_by_role("button", name="Make the link").click()

    expect(page.get_by_role("heading", name="The link for Tom Brown")).to_be_visible()
    assert_usable(page, "looked-share-made")


def _usable_on_a_telephone(page: Page, name: str) -> None:
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.screenshot(path=SCREENSHOTS / f"{name}-{'day' if theme == 'light' else 'night'}.png", full_page=True)
        assert accessibility_faults(page) == [], f"{name}, {theme}"
    page.emulate_media(color_scheme="light")
    for size in (PHONE, TELEPHONE):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{name} at {size['width']} px"
    assert page.locator("h1").count() == 1
