"""The data security pages in a real browser: usable, quiet, and a pack asked for, watched, taken and checked."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

import audit.services
from access.actors import Actor
from access.key_purposes import Purpose
from access.services import make_data_key
from audit.models import EventKind
from backups.models import BackupRun, RestoreDrill
from compliance.anomalies.services import review_alert, scan_views
from compliance.dspt import queries as dspt
from compliance.dspt.services import confirm_item
from compliance.models import Pack
from compliance.packs import services as packs
from compliance.packs import verify
from compliance.packs.tasks import build_pack
from tests.browser.conftest import assert_usable

pytestmark = pytest.mark.django_db(transaction=True)
DESK = {"width": 1366, "height": 1024}


@pytest.fixture
def lived_in(world: Any, manager: Any, carer: Any, nurse: Any, actor_for: Callable[[Any], Any]) -> dict[str, Any]:
    """An organisation with confirmations, a drill, a verified ledger, a pack and two alerts."""
    organisation, actor, now = world.organisation, actor_for(manager), timezone.now()
    edition = dspt.current_edition()
    refs = [item.ref for item in edition.mandatory if item.collector is None][:20]
    for ref in refs:
        confirm_item(
            actor=actor, edition=edition, item_ref=ref, statement="Checked with the team.",
            valid_until=timezone.localdate() + timedelta(days=20 if ref == refs[0] else 200),
        )  # fmt: skip
    audit.services.verify_ledger(organisation_id=organisation.pk, actor="system:test")
    _drill(organisation, now)
    BackupRun.objects.create(state="made", started_at=now, finished_at=now, covers_until=now, size=123_456)
    pack = packs.request_pack(actor=actor, edition=edition, reason="For the inspector's visit on 3 March")
    build_pack.apply((str(organisation.pk), str(pack.pk)), throw=True)
    for staff in (carer, nurse):
        _reads_many(organisation, world.home, staff)
    first, second = scan_views(actor=Actor.system(organisation.pk, "anomalies"))
    review_alert(actor=actor, alert=second, verdict="explained", note="Fire roll-call.")
    return {"pack": pack.pk, "alert": first.pk, "reviewed": second.pk}


@transaction.atomic
def _drill(organisation: Any, now: Any) -> None:
    checks = dict.fromkeys(("restored", "counts_matched", "ledger_verified", "rls_probe_ok", "decrypted"), True)
    ended = now - timedelta(days=18)
    drill = RestoreDrill.objects.create(
        organisation_id=organisation.pk, run_id=uuid4(), started_at=ended, finished_at=ended, covers_until=ended,
        took=timedelta(minutes=11), rows=4_812, entries=913, **checks,
    )  # fmt: skip
    _append(organisation, "backups.drill.run", drill.ref)


@transaction.atomic
def _reads_many(organisation: Any, home: Any, staff: Any) -> None:
    for _ in range(16):
        resident = uuid4()
        make_data_key(
            actor_ref="system:test", organisation_id=organisation.pk, purpose=Purpose.RESIDENT, subject_id=resident
        )
        _append(
            organisation, "records.resident.viewed", f"resident:{resident}", actor=staff.ref, residents=[resident],
            care_home_id=home.pk, kind=EventKind.VIEW,
        )  # fmt: skip


def _append(organisation: Any, action: str, subject: str, **more: Any) -> None:
    audit.services.append(
        **{"organisation_id": organisation.pk, "actor": "system:test", "action": action, "subject": subject} | more
    )


PAGES = {
    "dashboard": [],
    "items": [],
    "item": ["1.1.1"],
    "backups": [],
    "packs": [],
    "pack_new": [],
    "pack": ["pack"],
    "alerts": [],
    "alert": ["alert"],
}


@pytest.mark.parametrize("name", PAGES)
def test_page_of_data_security_is_usable(
    as_user: Callable[..., Page], manager: Any, lived_in: dict[str, Any], name: str
) -> None:
    arguments = [lived_in.get(argument, argument) for argument in PAGES[name]]

    page = as_user(manager, reverse(f"compliance:{name}", args=arguments))

    assert_usable(page, f"data-security-{name}")
    page.set_viewport_size(DESK)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.screenshot(path=f"var/screenshots/data-security-{name}-desk.png", full_page=True)


@pytest.mark.parametrize("name", ["dashboard", "packs", "backups", "alerts", "items"])
def test_page_of_data_security_is_usable_before_anything_happened(
    as_user: Callable[..., Page], manager: Any, name: str
) -> None:
    assert_usable(as_user(manager, reverse(f"compliance:{name}")), f"data-security-{name}-empty")


@pytest.mark.parametrize(("name", "arguments"), [("item", ["1.1.1"]), ("pack_new", [])])
def test_form_of_data_security_puts_the_focus_on_what_is_wrong(
    as_user: Callable[..., Page], manager: Any, name: str, arguments: list[str]
) -> None:
    page = as_user(manager, reverse(f"compliance:{name}", args=arguments))
    page.locator("main form button.app-btn").first.click()

    expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    assert page.title().startswith("Error:")
    assert_usable(page, f"data-security-{name}-error")


def test_pack_is_asked_for_watched_taken_and_checked(
    as_user: Callable[..., Page], manager: Any, tmp_path: Path
) -> None:
    page = as_user(manager, reverse("compliance:dashboard"))
    page.get_by_role("link", name="Export evidence pack").click()
    page.get_by_label("Why do you need this pack?").fill("For the inspector")
    page.get_by_label("Your password", exact=True).fill("correct horse battery")
    page.get_by_role("button", name="Make the pack").click()
    expect(page.get_by_text("Waiting for its turn.")).to_be_visible()
    assert_usable(page, "data-security-pack-waiting")

    pack = Pack.objects.get()
    build_pack.apply((str(pack.organisation_id), str(pack.pk)), throw=True)
    expect(page.get_by_role("button", name="Download")).to_be_visible()  # by itself, within its next look
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    file = tmp_path / "pack.zip"
    download.value.save_as(file)

    fingerprint = page.locator("main").get_by_text(verify.spaced(packs.signer().fingerprint))
    expect(fingerprint).to_be_visible()
    assert verify.main([str(file), "--fingerprint", packs.signer().fingerprint]) == 0
    whole = bytearray(file.read_bytes())
    whole[whole.index(b"%PDF-")] ^= 1
    file.write_bytes(whole)
    assert ("report.pdf" in dict(verify.check(bytes(whole)).problems)) is True
    assert verify.main([str(file)]) == 1
