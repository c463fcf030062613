"""Every door that does something leaves an entry; every service that writes appends one. Drawn from the code."""

import ast
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

import audit.services
from access.models import Session
from access.services import lock_session
from audit.models import Event
from tests.doors import client_of
from tests.promises.matrix import ADMIN, CARER, MANAGER, MATRIX
from tests.promises.test_permissions import things

assert things  # the fixture

# --- services --------------------------------------------------------------------------------------------------------
APPS = ("access", "records", "compliance", "backups")
# What reaches the ledger: appending, folding an act, noting a view, sealing a refusal.
SEALS = {"append", "sealing", "note_view", "seal_refusal", "build_event"}
# Public functions of services that append nothing, each with its reason.
SILENT = {
    "access.find_device": "a read: which tablet this is",
    "access.find_token": "a read: whose token this is; what is done with it is sealed, and so is a token refused",
    "access.token_parts": "takes a text apart",
    "access.idle_limit": "a read",
    "access.note_input": "the last input: no act, and every tap would be one",
    "access.pin_allowed": "a read",
    "access.confirm": "asks the password; its callers seal how it went",
    "access.may_record_leaving": "a read",
    "access.require_leaver_right": "a check; a refusal is sealed by the door",
    "access.make_pin": "makes a hash",
    "access.group_name": "makes a name",
    "records.nhs_number_index": "makes a digest",
    "records.word_tokens": "makes digests",
    "records.backups_until": "makes a date",
    "records.keep_erasure_list": "copies what is sealed already to a file outside the database",
    "compliance.latest_valid_until": "makes a date",
    "compliance.find_share": "a read",
    "compliance.look": "a read: the entry that a question is about",
    "compliance.visitor_of": "a read: who stands behind a link",
    "compliance.waiting_exports": "a read",
    "compliance.waiting_packs": "a read",
    "backups.actors": "who acts",
    "backups.each_organisation": "who acts",
}


def services() -> dict[str, str]:
    """Every public function of every services module, by app and name, with its file."""
    found = {}
    for app in APPS:
        for path in sorted((Path(settings.BASE_DIR) / app).rglob("*.py")):
            if path.stem != "services" and path.parent.name != "services":
                continue
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    found[f"{app}.{node.name}"] = str(path)
    return found


def _called(call: ast.Call) -> str:
    """The bare name of what is called; a list's own `append` is not the ledger's."""
    if not isinstance(call.func, ast.Attribute):
        return getattr(call.func, "id", "")
    owner = getattr(call.func.value, "attr", getattr(call.func.value, "id", ""))
    return "" if call.func.attr == "append" and owner not in {"services", "system"} else call.func.attr


def calls() -> dict[str, set[str]]:
    """What each function of ours calls, by bare names: two of one name count as one, so it errs towards reaching."""
    graph: dict[str, set[str]] = {}
    for app in APPS:
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py"):
            if path.stem in {"views", "api", "pages", "forms"}:  # they call services, not the reverse
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef):
                    names = graph.setdefault(node.name, set())
                    names |= {_called(inner) for inner in ast.walk(node) if isinstance(inner, ast.Call)}
    return graph


def reaching() -> set[str]:
    graph = calls()
    # Names that Python's own types and Django's managers have too say nothing of where a call goes.
    common = {
        "add",
        "get",
        "save",
        "create",
        "update",
        "delete",
        "remove",
        "read",
        "clean",
        "check",
        "start",
        "run",
        "items",
    }
    reached = set(SEALS)
    while more := {name for name, called in graph.items() if called & (reached - common)} - reached:
        reached |= more
    return reached


def test_every_service_that_writes_appends_an_entry():
    found, reached = services(), reaching()

    silent = {name for name in found if name.split(".")[1] not in reached}

    assert len(found) > 40
    assert silent - set(SILENT) == set(), "append an entry, or say in SILENT why not"
    assert set(SILENT) - silent == set(), "SILENT names what seals, or is not there any more"


# --- doors -----------------------------------------------------------------------------------------------------------
# A write at each URL that takes one: who does it, and what is sent. Ids stand for the fixture's things.
WRITES: dict[str, tuple[str, dict[str, Any]]] = {
    "access:sign_in": (CARER, {"email": "visitor@rosebank.example", "password": "not the right one"}),
    "access:sign_out": (CARER, {}),
    "access:lock_now": (CARER, {}),
    "access:account": (CARER, {"theme": "night"}),
    "access:leaver": (MANAGER, {"left_at": "soon"}),
    "access:devices": (ADMIN, {"name": "Oak tablet 9", "care_home": "home"}),
    "access:device_block": (ADMIN, {}),
    "records:daily_note_new": (CARER, {"body": "Slept well.", "kind": "rest", "occurred_at": "now"}),
    "records:daily_note_correct": (MANAGER, {"body": "Slept very well.", "reason": "A word was missing."}),
    "records:resident_erase": (
        MANAGER,
        {
            "basis": "mistake",
            "reason": "Entered twice.",
            "law_allows": "on",
            "confirm": "Ada Brown",
            "password": "correct horse battery",
        },
    ),
    "records:resident_import": (MANAGER, {"care_home": "home", "file": "sample"}),
    "api:notes": (CARER, {"body": "Slept well.", "occurred_at": "now"}),
    "api:note_corrections": (MANAGER, {"body": "Slept very well.", "reason": "A word was missing."}),
    "api:residents": (
        MANAGER,
        {
            "care_home_id": "home",
            "first_name": "Iris",
            "last_name": "Hall",
            "born_on": "1940-01-02",
            "gender": "female",
            "allergies": "none known",
        },
    ),
    "compliance:item": (MANAGER, {"statement": "Checked on Monday.", "valid_until": "later"}),
    "compliance:item_withdraw": (MANAGER, {"reason": "It was another home's."}),
    "compliance:pack_new": (MANAGER, {"reason": "Audit", "password": "correct horse battery"}),
    "compliance:ledger_export_new": (
        MANAGER,
        {"format": "csv", "reason": "Audit", "password": "correct horse battery"},
    ),
    "compliance:alert": (MANAGER, {"verdict": "explained", "note": "Asked her: covered for two colleagues."}),
}
# URLs that take a write and are not tried above, each with its reason.
OTHERWISE = {
    "access:organisation": "sets a cookie before any organisation is open: there is no ledger to write to",
    "access:activity": "the last input: no act",
    "access:printed": "needs a page's token: tests/access/test_printing.py",
    "access:lock": "unlocking needs a lock: tests/access/test_sessions.py",
    "compliance:ledger_export_download": "needs a finished file: tests/compliance/ledger/test_ledger_exports.py",
    "compliance:access_question": "its entries are held by tests/compliance/access_reports",
    "compliance:access_report_ask": "its entries are held by tests/compliance/access_reports",
    "compliance:access_report_names": "its entries are held by tests/compliance/access_reports",
    "compliance:access_report_letter": "its entries are held by tests/compliance/access_reports",
    "compliance:access_report_share_new": "its entries are held by tests/compliance/access_reports",
    "compliance:access_report_share_withdraw": "its entries are held by tests/compliance/access_reports",
    "compliance:report_review": "its entries are held by tests/compliance/reports",
    "compliance:report_file": "its entries are held by tests/compliance/reports",
    "my_record:ask": "its entries are held by tests/compliance/access_reports",
    "my_record:close": "ends a visit, and shows nothing; opening it is an entry",
    "my_record:report": "its entries are held by tests/compliance/access_reports",
    "compliance:ledger_choose": "finds whom to ask about; the residents that it shows are a view",
    "compliance:ledger_entry_verify": "computes whether one entry holds, and writes nothing",
    "compliance:pack_download": "needs a finished pack: tests/compliance/packs/test_pack_services.py",
}


def fill(world: Any, data: dict[str, Any], *, for_api: bool) -> dict[str, Any]:
    now = timezone.localtime()
    stand_for = {
        "now": now.isoformat() if for_api else now.strftime("%Y-%m-%dT%H:%M"),
        "soon": (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"),
        "later": str((now + timedelta(days=30)).date()),
        "home": str(world.home.pk),
    }
    filled = {name: stand_for.get(value, value) for name, value in data.items()}
    if filled.get("file") == "sample":
        filled["file"] = (Path(settings.BASE_DIR) / "records/sample/residents.csv").open("rb")
    return filled


def post(client: Any, name: str, url: str, data: dict[str, Any]) -> Any:
    if name.startswith("api:"):
        return client.post(url, data, content_type="application/json", headers={"Idempotency-Key": str(uuid4())})
    return client.post(url, data)


@pytest.mark.parametrize("name", sorted(WRITES))
def test_write_leaves_an_entry_by_who_did_it(world, things, name, monkeypatch):
    from compliance.ledger.tasks import build_ledger_export
    from compliance.packs.tasks import build_pack

    for task in (build_pack, build_ledger_export):
        monkeypatch.setattr(task, "apply_async", lambda *args, **kwargs: None)
        monkeypatch.setattr(task, "delay", lambda *args, **kwargs: None)
    role, data = WRITES[name]
    if name == "compliance:pack_new":
        from compliance.models import Pack

        Pack.objects.filter(pk=things["pack"]).update(state="failed", failure="Made way for another.")
        seal(world, f"evidence_pack:{things['pack']}")
    things["item"] = "1.1.1"  # a person's to answer: nothing the system sees can contradict
    if name == "compliance:item_withdraw":
        post(
            client_of(world.person(MANAGER)),
            name,
            reverse("compliance:item", args=[things["item"]]),
            fill(world, WRITES["compliance:item"][1], for_api=False),
        )
    staff = world.person(role)
    client = client_of(staff)
    before = set(Event.objects.values_list("pk", flat=True))

    answer = post(
        client,
        name,
        reverse(name, args=[things[arg] for arg in MATRIX[name].args]),
        fill(world, data, for_api=name.startswith("api:")),
    )

    made = Event.objects.exclude(pk__in=before).exclude(kind__in=["view", "refusal"])
    by = "visitor:unknown" if name == "access:sign_in" else staff.ref
    assert answer.status_code in ({422} if name == "access:sign_in" else {200, 201, 204, 302}), answer.content[:2000]
    assert made.filter(actor=by).exists()
    assert set(made.values_list("actor", flat=True)) == {by}


def seal(world: Any, ref: str) -> None:
    audit.services.append(
        organisation_id=world.organisation.pk, actor="system:test", action="test.thing.changed", subject=ref
    )


@pytest.mark.parametrize("name", sorted(MATRIX))
def test_url_that_takes_a_write_is_tried_or_says_why_not(world, things, name):
    """A URL that answers POST with anything but "not allowed" has to be listed."""
    url = reverse(name, args=[things[arg] for arg in MATRIX[name].args])

    status = post(client_of(world.person(MANAGER)), name, url, {}).status_code

    listed = name in WRITES or name in OTHERWISE
    assert (status == 405) != listed


def test_lock_is_told_once(world, carer):
    client = client_of(carer)
    row = Session.objects.select_related("staff", "device").get(staff=carer)

    client.post(reverse("access:lock_now"))
    lock_session(row=row, reason="asked")

    assert Event.objects.filter(action="access.session.locked", actor=carer.ref).count() == 1
