"""The reports in a real browser: usable by day and night, on a tablet, at a desk and at 320 pixels; a file is taken."""

import csv
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

import audit.services
from access.services import enrol_device, record_leaver
from audit.entries import build_event
from audit.ids import uuid7
from audit.models import EventKind
from compliance.reports.catalogue import KINDS
from compliance.reports.spans import midnight, month_before
from tests.browser.conftest import assert_usable

pytestmark = pytest.mark.django_db(transaction=True)
DESK = {"width": 1366, "height": 1024}


@pytest.fixture
def lived_in(world: Any, manager: Any, administrator: Any, actor_for: Callable[[Any], Any]) -> None:
    """A month of a home: people of several roles, a leaver, failures at night, exports, a review that waits."""
    carer, nurse = world.person("carer", name="Grace"), world.person("nurse", name="Marta")
    enrol_device(actor=actor_for(administrator), name="Oak tablet 1", care_home=world.home)
    now, earlier = timezone.now(), midnight(month_before(timezone.localdate())) + timedelta(days=4)
    with transaction.atomic():
        for at in range(24):
            _write(world, "records.resident.viewed", (carer, nurse, manager)[at % 3], times=at + 1, kind=EventKind.VIEW)
        for at in range(40):
            past = now - timedelta(hours=at % 11, minutes=at)
            _write(world, "access.session.unlock_failed", (carer, nurse)[at % 4 == 0], at=past)
        _write(world, "access.session.unlocked", carer, at=now - timedelta(minutes=1))
        _write(world, "access.permission.refused", carer, kind=EventKind.REFUSAL)
        _write(world, "compliance.pack.downloaded", manager)
        _write(world, "records.resident_list.imported", manager, number=12)
        _write(world, "access.role.given", administrator, at=earlier, role="nurse")
    record_leaver(actor=actor_for(manager), staff=world.person("carer", name="Leah"), left_at=timezone.now())
    audit.services.sign_checkpoint(world.organisation.pk)
    audit.services.verify_ledger(organisation_id=world.organisation.pk, actor="system:test")


def _write(
    world: Any, action: str, who: Any, *, at: Any = None, times: int = 1, kind: str = EventKind.ACT, **detail: Any
) -> None:
    build_event(
        organisation_id=world.organisation.pk, event_id=uuid7(), at=at or timezone.now(), kind=kind, actor=who.ref,
        action=action, subject=who.ref, device=None, care_home_id=world.home.pk, residents=[], detail=detail,
        count=times,
    ).save(force_insert=True)  # fmt: skip


def month() -> str:
    return f"{month_before(timezone.localdate()):%Y-%m}"


ADDRESSES = {
    "list": lambda: reverse("compliance:reports"),
    **{name: lambda name=name: reverse("compliance:report", args=[name]) for name in KINDS},
    "behind": lambda: reverse("compliance:report_behind", args=["access"]) + "?figure=what=views",
    "review": lambda: reverse("compliance:report_review", args=[month()]),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_report_is_usable(as_user: Callable[..., Page], manager: Any, lived_in: None, name: str) -> None:
    page = as_user(manager, ADDRESSES[name]())

    assert_usable(page, f"report-{name}")
    page.set_viewport_size(DESK)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.screenshot(path=f"var/screenshots/report-{name}-desk.png", full_page=True)
    page.emulate_media(media="print")
    expect(page.locator(".app-screen:visible")).to_have_count(0)


@pytest.mark.parametrize("name", ["leavers", "sign-ins", "break-glass"])
def test_report_is_usable_before_anything_happened(as_user: Callable[..., Page], manager: Any, name: str) -> None:
    assert_usable(as_user(manager, ADDRESSES[name]()), f"report-{name}-empty")


def test_report_is_chosen_followed_taken_and_reviewed(
    as_user: Callable[..., Page], manager: Any, lived_in: None, tmp_path: Path
) -> None:
    page = as_user(manager, reverse("compliance:dashboard"))
    page.get_by_role("link", name="Reports", exact=True).first.click()
    page.get_by_role("link", name="Privileged activity").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Privileged activity")
    page.get_by_label("Period").select_option(month())
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".app-figures a").first).to_have_text("1")

    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    download.value.save_as(tmp_path / "report.csv")
    told = list(csv.reader((tmp_path / "report.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert ["Acts", "1"] in told

    page.get_by_role("link", name="Review", exact=False).first.click()
    page.get_by_role("button", name="I have looked at this").click()
    expect(page.get_by_text("is recorded.")).to_be_visible()
    expect(page.locator(".nhsuk-tag").get_by_text("Reviewed")).to_be_visible()
