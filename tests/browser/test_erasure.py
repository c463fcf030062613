"""Erasing a resident's record, on a tablet and at a desk."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from records.models import Erasure
from tests.browser.conftest import assert_usable

pytestmark = pytest.mark.django_db(transaction=True)


def test_manager_erases_a_record_and_gets_its_certificate(
    as_user: Callable[..., Page], manager: Any, resident: Any
) -> None:
    page = as_user(manager, reverse("records:resident", args=[resident.pk]))
    page.get_by_role("link", name="Erase this record").tap()
    page.wait_for_url("**/erase/")
    expect(page.get_by_role("heading", name="Erase the record of Ada Brown")).to_be_visible()
    assert_usable(page, "resident_erase")
    page.get_by_role("button", name="Erase for good").tap()
    expect(page.locator(".nhsuk-error-summary")).to_be_visible()
    assert_usable(page, "resident_erase-faults")
    assert not Erasure.objects.exists()

    page.get_by_role("radio", name="The record was made by mistake").check()
    page.get_by_label("Reason").fill("Entered twice.")
    page.get_by_role("checkbox").check()
    page.get_by_label("The resident's full name").fill("Ada Brown")
    page.get_by_label("Your password").fill("correct horse battery")
    page.get_by_role("button", name="Erase for good").tap()

    expect(page.get_by_role("heading", name="Certificate of erasure")).to_be_visible()
    expect(page.get_by_text("Entered twice.")).to_be_visible()
    assert_usable(page, "erasure")
    assert "Brown" not in page.content()


def test_erased_records_are_listed(as_user: Callable[..., Page], manager: Any, resident: Any, actor_for: Any) -> None:
    page = as_user(manager, reverse("records:erasures"))
    expect(page.get_by_role("heading", name="Nothing was erased")).to_be_visible()
    assert_usable(page, "erasures-none")
    from records.services import erase_resident

    erase_resident(
        actor=actor_for(manager),
        resident=resident,
        basis="mistake",
        reason="Entered twice.",
        confirm="Ada Brown",
        law_allows=True,
    )

    page.goto(page.url)

    expect(page.get_by_text("The record was made by mistake.")).to_be_visible()
    assert_usable(page, "erasures")
