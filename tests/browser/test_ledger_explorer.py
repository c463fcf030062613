"""The audit log's explorer in a real browser: usable by day and night, three clicks to an answer, keys and paper."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

import audit.services
from access.actors import Actor
from audit.models import EventKind
from compliance.ledger import services
from compliance.ledger.filters import Filters
from compliance.ledger.tasks import build_ledger_export
from records.services import write_daily_note
from tests.browser.conftest import SCREENSHOTS, assert_usable

pytestmark = pytest.mark.django_db(transaction=True)
DESK = {"width": 1366, "height": 1024}


@pytest.fixture
def lived_in(world: Any, carer: Any, nurse: Any, resident: Any, manager: Any, tablet: Any) -> dict[str, Any]:
    """Views, notes, a changed record, a file and a verified log."""
    organisation, home = world.organisation, world.home
    iris = world.admit(first_name="Iris", last_name="Hollis", room="12")
    for who, whom in ((carer, resident), (nurse, resident), (nurse, iris)) * 4:
        audit.services.append(
            organisation_id=organisation.pk, actor=who.ref, action="records.resident.viewed", subject=whom.ref,
            residents=[whom.pk], care_home_id=home.pk, kind=EventKind.VIEW,
            detail={"page": "records:daily_notes"},
        )  # fmt: skip
        audit.services.append(
            organisation_id=organisation.pk, actor=who.ref, action="access.session.locked", subject=who.ref
        )
    write_daily_note(actor=Actor.of(carer), resident=resident, body="Slept well.", occurred_at=timezone.now())
    change = audit.services.append(
        organisation_id=organisation.pk, actor=manager.ref, action="records.resident.changed", subject=resident.ref,
        residents=[resident.pk], care_home_id=home.pk, kind=EventKind.CHANGE,
        detail={"fields": ["room"], "changes": {"room": ["4", "12"]}},
    )  # fmt: skip
    audit.services.sign_checkpoint(organisation.pk)
    audit.services.verify_ledger(organisation_id=organisation.pk, actor="system:test")
    export = services.request_export(
        actor=Actor.of(manager), filters=Filters(), kind="csv", reason="For the investigation of 3 March"
    )
    build_ledger_export.apply((str(organisation.pk), str(export.pk)), throw=True)
    return {"resident": resident.pk, "carer": carer.pk, "change": change, "export": export.pk}


PAGES = {
    "ledger": "/data-security/ledger/",
    "ledger-filtered": "/data-security/ledger/?did=opened&kind=view&resident={resident}",
    "ledger-empty": "/data-security/ledger/?did=keys",
    "ledger-timeline": "/data-security/ledger/timeline/?resident={resident}",
    "ledger-hours": "/data-security/ledger/hours/",
    "ledger-entry": "/data-security/ledger/entries/{change}/",
    "ledger-choose": "/data-security/ledger/choose/resident/",
    "ledger-checks": "/data-security/ledger/checks/",
    "ledger-export-form": "/data-security/ledger/files/new/?did=opened",
    "ledger-export": "/data-security/ledger/files/{export}/",
}


def test_pages_are_usable(as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any]) -> None:
    for name, path in PAGES.items():
        page = as_user(manager, path.format(**lived_in))
        assert_usable(page, name)
        page.set_viewport_size(DESK)
        page.screenshot(path=SCREENSHOTS / f"{name}-desk.png")
        page.set_viewport_size({"width": 1024, "height": 1366})


def test_three_clicks_answer_who_looked_at_a_resident(
    as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any]
) -> None:
    page = as_user(manager, "/data-security/")

    page.get_by_role("link", name="Audit log", exact=True).click()
    page.get_by_role("link", name="Choose a resident").click()
    page.get_by_role("link", name="Ada Brown").click()

    expect(page.get_by_role("link", name="Take away: About Ada Brown")).to_be_visible()
    expect(page.get_by_role("link", name="Carer Example opened Ada Brown's daily notes").first).to_be_visible()
    assert "Ada" not in page.url


def test_entry_is_verified_before_ones_eyes(
    as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any]
) -> None:
    page = as_user(manager, f"/data-security/ledger/entries/{lived_in['change']}/")

    page.get_by_role("button", name="Verify this entry now").click()

    expect(page.get_by_text("Yes: everything that can be recomputed holds.")).to_be_visible()
    assert_usable(page, "ledger-entry-verified")


def test_filters_work_by_keyboard(as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any]) -> None:
    page = as_user(manager, "/data-security/ledger/")

    page.locator("summary", has_text="More filters").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "did"
    page.keyboard.type("Wrote")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show").press("Enter")

    expect(page.get_by_role("link", name="Take away: Wrote or changed records")).to_be_visible()
    expect(page.get_by_text("opened Ada Brown's daily notes")).to_have_count(0)


def test_a_cell_of_the_hours_leads_to_its_entries(
    as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any]
) -> None:
    page = as_user(manager, f"/data-security/ledger/hours/?resident={lived_in['resident']}")

    page.locator(".app-heat td a").first.click()

    expect(page.get_by_role("heading", name="Entries, newest first")).to_be_visible()
    assert "hour=" in page.url


def test_paper_says_what_was_chosen_by_whom_and_when(
    as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any]
) -> None:
    page = as_user(manager, f"/data-security/ledger/?resident={lived_in['resident']}")

    page.emulate_media(media="print")

    expect(page.get_by_text("Chosen: About Ada Brown; Last 30 days")).to_be_visible()
    expect(page.get_by_text("Printed by Registered Example")).to_be_visible()
    expect(page.get_by_role("link", name="Choose a resident")).to_be_hidden()
    page.screenshot(path=SCREENSHOTS / "ledger-print.png", full_page=True)


def test_file_is_downloaded_from_its_page(as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any]) -> None:
    page = as_user(manager, f"/data-security/ledger/files/{lived_in['export']}/")

    with page.expect_download() as taken:
        page.get_by_role("button", name="Download").click()

    assert taken.value.suggested_filename.endswith(".csv")
