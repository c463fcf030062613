"""Every page a person can open: usable by day and by night, on a tablet and at 320 px, with nothing in the console."""

import gzip
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import accessibility_faults, assert_usable

pytestmark = pytest.mark.django_db(transaction=True)
FIRST_LOAD, LATER_PAGE = 120 * 1024, 40 * 1024  # bytes, compressed


@pytest.fixture
def notes(world: Any, carer: Any, resident: Any, actor_for: Callable[[Any], Any]) -> list[Any]:
    """A plain note, a corrected one, and one written long after and handed over."""
    from records.services import correct_daily_note, write_daily_note

    actor, now = actor_for(carer), timezone.now()
    write = {"actor": actor, "resident": resident}
    plain = write_daily_note(**write, body="Resting in her armchair, awake.", occurred_at=now, kind="rest")
    first = write_daily_note(**write, body="Fish pie, all eaten.", occurred_at=now - timedelta(minutes=5), kind="meal")
    corrected = correct_daily_note(actor=actor, note=first, body="Cottage pie, all eaten.", reason="Wrong dish")
    late = write_daily_note(
        **write, body="Daughter visiting at 16:00.", occurred_at=now - timedelta(hours=9), for_handover=True
    )
    return [plain, corrected, late]


def test_tile_of_a_resident_opens_a_note_about_it(as_user: Callable[..., Page], carer: Any, resident: Any) -> None:
    page = as_user(carer, reverse("records:resident", args=[resident.pk]))

    page.get_by_role("link", name="Mood").tap()

    expect(page.get_by_role("radio", name="Mood")).to_be_checked()


@pytest.mark.parametrize("name", ["resident_list", "resident", "daily_notes", "daily_note_new", "daily_note_correct"])
def test_page_of_a_carer_is_usable(
    as_user: Callable[..., Page], carer: Any, resident: Any, notes: Any, name: str
) -> None:
    args = {"resident_list": [], "daily_note_correct": [notes[0].pk]}.get(name, [resident.pk])

    page = as_user(carer, reverse(f"records:{name}", args=args))

    assert_usable(page, name)


@pytest.mark.parametrize("name", ["resident_list", "resident"])
def test_page_of_the_kitchen_is_usable(as_user: Callable[..., Page], kitchen: Any, resident: Any, name: str) -> None:
    page = as_user(kitchen, reverse(f"records:{name}", args=[resident.pk] if name == "resident" else []))

    assert_usable(page, f"kitchen-{name}")
    assert "Penicillin" in page.content()
    assert "NHS No." not in page.content()


@pytest.mark.parametrize("name", ["access:account", "access:people", "access:devices"])
def test_page_of_an_administrator_is_usable(
    as_user: Callable[..., Page], administrator: Any, tablet: Any, name: str
) -> None:
    page = as_user(administrator, reverse(name))

    assert_usable(page, name.replace(":", "-"))


def test_page_of_a_leaver_is_usable(as_user: Callable[..., Page], administrator: Any, carer: Any) -> None:
    page = as_user(administrator, reverse("access:leaver", args=[carer.pk]))

    assert_usable(page, "access-leaver")


def test_page_for_importing_residents_is_usable(as_user: Callable[..., Page], manager: Any) -> None:
    page = as_user(manager, reverse("records:resident_import"))

    assert_usable(page, "resident_import")


def test_import_with_faults_lists_them_by_line_and_column(
    as_user: Callable[..., Page], manager: Any, tmp_path: Path
) -> None:
    from records.models import Resident

    sample = (Path(settings.BASE_DIR) / "records/sample/residents.csv").read_text().splitlines()
    columns = sample[0].split(",")
    values = sample[2].split(",")
    values[columns.index("born_on")] = "the 14th of March"
    bad = tmp_path / "residents.csv"
    bad.write_text("\n".join([*sample[:2], ",".join(values), *sample[3:]]))
    page = as_user(manager, reverse("records:resident_import"))

    page.locator("input[type=file]").set_input_files(bad)
    page.get_by_role("button", name="Import", exact=True).tap()

    row = page.get_by_role("row").filter(has_text="born_on")
    expect(row).to_contain_text("3")
    assert page.title().startswith("Error:")
    assert not Resident.objects.exists()
    assert_usable(page, "resident_import-faults")


@pytest.mark.parametrize("name", ["organisation", "sign_in"])
def test_page_before_sign_in_is_usable(page: Page, live_server: Any, world: Any, name: str) -> None:
    page.goto(live_server.url + reverse("access:organisation"))
    if name == "sign_in":
        page.get_by_label("Organisation code").fill(world.organisation.code)
        page.get_by_role("button", name="Continue").tap()
        page.wait_for_url("**" + reverse("access:sign_in"))

    assert_usable(page, name)


def test_page_that_is_not_there_is_usable_and_says_what_to_do(as_user: Callable[..., Page], carer: Any) -> None:
    page = as_user(carer, "/residents/00000000-0000-7000-8000-000000000000/")

    assert page.get_by_role("heading", name="We could not find that").is_visible()
    assert_usable(page, "404")


def test_page_one_may_not_open_is_usable_and_says_what_to_do(as_user: Callable[..., Page], carer: Any) -> None:
    page = as_user(carer, reverse("access:people"))

    assert page.get_by_role("heading", name="You may not open this").is_visible()
    assert_usable(page, "403")


def test_accessibility_check_finds_a_planted_fault(as_user: Callable[..., Page], carer: Any) -> None:
    page = as_user(carer, reverse("access:account"))
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")

    assert [fault for fault, _nodes in accessibility_faults(page)] == ["button-name"]


def test_first_load_and_later_pages_stay_within_their_budgets(
    as_user: Callable[..., Page], page: Page, live_server: Any, carer: Any, resident: Any, notes: Any
) -> None:
    loaded: list[tuple[str, int]] = []

    def weigh(response: Response) -> None:
        if response.url.startswith(live_server.url) and response.status == 200:
            body = response.body()
            packed = body if response.url.endswith(".woff2") else gzip.compress(body, 9)
            loaded.append((response.url, len(packed)))

    page.on("requestfinished", lambda request: weigh(request.response()))
    as_user(carer, reverse("records:resident_list")).wait_for_load_state("networkidle")
    first = sum(size for _url, size in loaded)
    known = {url for url, _size in loaded}
    loaded.clear()

    page.get_by_role("link", name="Ada Brown").tap()
    page.wait_for_url("**/residents/*-*/")
    page.wait_for_load_state("networkidle")
    later = sum(size for url, size in loaded if url not in known)

    assert "Penicillin" in page.content()
    assert 50 * 1024 < first <= FIRST_LOAD
    assert 1024 < later <= LATER_PAGE
