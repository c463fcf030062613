"""The first day of a home, on everything real: `manage.py up` with its worker and scheduler, and a browser.

A carer writes a note on a tablet; a bulk viewing is told within the minute; the manager sees the dashboard, exports an
evidence pack and a stranger verifies it offline; one changed byte is named; a tampered ledger is found.
"""

import json
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from carehome.embedded import supervisor
from carehome.embedded.postgres import Cluster
from tests.journeys.test_up import _environment, _free_port, _read_until_ready, _up

ROOT = Path(__file__).resolve().parents[2]
NOTE = "Sang along to the radio at breakfast, ate everything."


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A running house of its own: (data folder, address, accounts by role)."""
    var, port = tmp_path_factory.mktemp("house") / "var", _free_port()
    process = _up(var, port)
    try:
        _read_until_ready(process)
        accounts = {row["role"]: row for row in supervisor.read_accounts(var / "demo_accounts.json")}
        yield var, f"http://127.0.0.1:{port}", accounts
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def manage(house, *arguments):
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=_environment(house[0]), capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


def come_in(browser: Browser, house, role: str, *, desk: bool = False) -> Page:
    """A person's own browser, from typing the organisation's code to their first page."""
    _var, address, accounts = house
    size = {"width": 1366, "height": 1024} if desk else {"width": 1024, "height": 1366}
    context = browser.new_context(
        viewport=size, has_touch=not desk, locale="en-GB", timezone_id="Europe/London", reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(address)
    page.get_by_label("Organisation code").fill(accounts[role]["organisation"])
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Email").fill(accounts[role]["email"])
    page.get_by_label("Password", exact=True).fill(accounts[role]["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Lock")).to_be_visible()
    return page


def test_first_day(house, browser, tmp_path):
    var, address, accounts = house

    # The administrator imports the residents of the sample file.
    page = come_in(browser, house, "administrator", desk=True)
    page.goto(f"{address}/residents/import/")
    page.locator("input[type=file]").set_input_files(ROOT / "records" / "sample" / "residents.csv")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("40 residents were imported.")).to_be_visible()
    page.context.close()

    # A carer finds her, writes a note, and corrects it.
    page = come_in(browser, house, "carer")
    page.get_by_label("Find a resident").fill("Marsh")
    page.get_by_role("button", name="Find").click()
    page.locator("a.app-res").first.click()
    page.locator("a.app-tile").first.click()
    page.locator("textarea[name=body]").fill(NOTE)
    page.get_by_role("button", name="Save note").click()
    expect(page.get_by_text("Note saved.")).to_be_visible()
    expect(page.get_by_text(NOTE)).to_be_visible()
    page.get_by_role("link", name=re.compile("^Correct")).first.click()
    page.get_by_label("The note as it should be").fill(NOTE.replace("Sang", "Hummed"))
    page.get_by_label("Why it is corrected").fill("She hummed.")
    page.get_by_role("button", name="Save correction").click()
    expect(page.locator("del", has_text=NOTE)).to_be_visible()

    # Then the same person opens record after record, faster than care needs.
    for url in [link.get_attribute("href") for link in _residents(page, address)][:16]:
        page.goto(address + url)
    burst_ended = time.monotonic()
    page.get_by_role("button", name="Lock").click()
    expect(page.get_by_role("button", name="Unlock")).to_be_visible()
    assert "Marsh" not in page.content()
    page.context.close()

    # The manager is told within the minute, and sees where the organisation stands.
    page = come_in(browser, house, "registered manager", desk=True)
    page.goto(f"{address}/data-security/")
    expect(page.get_by_text("of 45 mandatory")).to_be_visible()
    while page.locator("li.app-due").count() == 0 and time.monotonic() - burst_ended < 60:
        time.sleep(1)
        page.goto(f"{address}/data-security/alerts/")
    assert time.monotonic() - burst_ended < 60
    expect(page.locator("main")).to_contain_text(_name_of(accounts["carer"]))

    # The evidence pack: made by the worker, watched on the page, taken away.
    page.goto(f"{address}/data-security/packs/new/")
    page.get_by_label(re.compile("^Why")).fill("For the commissioner")
    page.get_by_label(re.compile("password", re.IGNORECASE)).fill(accounts["registered manager"]["password"])
    page.get_by_role("button", name="Make the pack").click()
    page.get_by_role("button", name="Download").wait_for(timeout=60_000)
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download").click()
    pack = tmp_path / "pack.zip"
    taken.value.save_as(pack)
    page.context.close()

    # A stranger verifies it with nothing but Python, and finds one changed byte.
    program = tmp_path / "verify.py"
    with zipfile.ZipFile(pack) as opened:
        program.write_bytes(opened.read(next(name for name in opened.namelist() if name.endswith("verify.py"))))
        content = b"".join(opened.read(name) for name in opened.namelist() if not name.endswith(".pdf"))
    assert b"Marsh" not in content
    assert _verify(program, pack)[0] == 0
    changed, name = _with_one_byte_changed(pack, tmp_path / "changed.zip")
    code, said = _verify(program, changed)
    assert code == 1
    assert name in said

    # The ledger holds; one row changed by the database's own administrator, and it does not.
    assert manage(house, "ledger_verify", "--records", "--json")[0] == 0
    assert manage(house, "ledger_checkpoint", "--json")[0] == 0
    organisation, seq = _tamper(var)
    code, out, said = manage(house, "ledger_verify", "--json")
    result = json.loads(out)[0]
    assert code == 1
    assert (result["organisation"], result["first_bad_seq"], result["kind"]) == (organisation, seq, "altered")
    assert f"{organisation}: altered at entry {seq}" in said


def _residents(page: Page, address: str):
    page.goto(f"{address}/residents/")
    return page.locator("a.app-res").all()


def _name_of(account) -> str:
    first, last = account["email"].split("@")[0].split(".")
    return f"{first.title()} {last.title()}"


def _verify(program: Path, pack: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(program), str(pack)], capture_output=True, text=True, cwd="/", env={}
    )
    return done.returncode, done.stdout + done.stderr


def _with_one_byte_changed(pack: Path, target: Path) -> tuple[Path, str]:
    """A copy in which one byte of the answers is another, the ZIP itself being sound."""
    with zipfile.ZipFile(pack) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        changed = next(name for name in source.namelist() if name.endswith("answers.csv"))
        for name in source.namelist():
            data = bytearray(source.read(name))
            if name == changed:
                data[len(data) // 2] ^= 1
            copy.writestr(name, bytes(data))
    return target, changed.rpartition("/")[2]


def _tamper(var: Path) -> tuple[str, int]:
    """What the database's own superuser can do: change who wrote the first note."""
    cluster = Cluster(var / "postgres", password_file=var / "secrets" / "postgres_admin")
    with psycopg.connect(cluster.conninfo("carehome"), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        event, seq, code = admin.execute(
            "SELECT s.event_id, s.seq, d.code FROM audit_seal s JOIN audit_event e ON e.id = s.event_id"
            " JOIN access_directory d ON d.organisation_id = s.organisation_id"
            " WHERE e.action = 'records.daily_note.corrected' ORDER BY s.seq LIMIT 1"
        ).fetchone()
        admin.execute("UPDATE audit_event SET actor = 'staff:somebody' WHERE id = %s", (event,))
    return code, seq
