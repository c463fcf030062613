"""The reports' pages through the test client: every figure is the length of its list, and files are sealed first."""

import csv
import io
import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

import audit.services
from access.actors import Actor
from access.errors import NotPermitted
from access.services import enrol_device, record_leaver
from audit.entries import open_details
from audit.models import Event, EventKind
from compliance.reports import spans
from compliance.reports.catalogue import KINDS
from compliance.reports.entries import Scope
from compliance.reports.files import Format
from compliance.reports.queries import workbooks
from compliance.reports.services import export_report
from compliance.reports.tables import BadSelection, Page, selection

BAD_NAME = "=cmd|' /C calc'!A0"


@pytest.fixture
def month():
    return spans.month_span(timezone.localdate())


@pytest.fixture
def lived_in(world, organisation, home, carer, nurse, manager, administrator, entry, actor_for, settle):
    """Something for every report: views, refusals, failures, exports, a leaver, tablets, a check."""
    second = world.person("nurse", home=world.second_home, name="Second")
    for person, at_home, times in ((carer, home, 3), (nurse, home, 2), (second, world.second_home, 5)):
        entry("records.resident.viewed", by=person.ref, kind=EventKind.VIEW, home=at_home, times=times)
        entry("records.daily_note.written", by=person.ref, kind=EventKind.CHANGE, home=at_home)
        entry("access.permission.refused", by=person.ref, kind=EventKind.REFUSAL, subject=at_home.ref)
    device, _secret = enrol_device(actor=actor_for(administrator), name="Oak tablet 1", care_home=home)
    for _ in range(6):
        entry("access.session.unlock_failed", by=carer.ref, device=device.ref, home=home)
        entry("access.session.sign_in_failed", by="visitor:unknown")
    entry("access.session.unlocked", by=carer.ref, device=device.ref, home=home)
    entry("compliance.pack.downloaded", by=manager.ref)
    entry("records.resident_list.imported", by=manager.ref, home=home, number=12)
    entry("records.resident.erased", by=manager.ref, kind=EventKind.CHANGE, home=home)
    entry("backups.restore.started", by="system:backups")
    leaver = world.person("carer", name=BAD_NAME)
    record_leaver(actor=actor_for(manager), staff=leaver, left_at=timezone.now())
    entry(
        "records.resident.viewed",
        by=leaver.ref,
        kind=EventKind.VIEW,
        home=home,
        at=timezone.now() + timedelta(seconds=1),
    )
    settle()
    audit.services.sign_checkpoint(organisation.pk)
    audit.services.verify_ledger(organisation_id=organisation.pk, actor="system:test")
    return leaver


def words(response):
    return " ".join(response.content.decode().split())


def figures(report):
    """(selection, number) of everything on a report that leads to a list."""
    for figure in report.figures:
        if figure.figure:
            yield figure.figure, figure.value
    for table in report.tables:
        if table.figure and table.total is not None:
            yield table.figure, None
        for row in table.rows:
            for cell in row:
                if cell.figure:
                    yield cell.figure, cell.number


@pytest.mark.parametrize("name", KINDS)
def test_every_figure_equals_the_list_behind_it(lived_in, scope, month, name):
    kind, later = KINDS[name], timezone.now() + timedelta(minutes=1)
    report = kind.make(scope, month, full=True, now=later)

    shown = list(figures(report))

    assert shown or name == "break-glass"
    for key, number in shown:
        found = kind.behind(scope, month, selection(key), now=later)
        assert len(found.table.rows) == found.rows_total, key
        if number is not None:
            assert found.total == number, key
        last = found.table.columns[-1]
        if last.heading == "Times":
            assert sum(row[-1].number for row in found.table.rows) == found.total, key


@pytest.mark.parametrize("name", KINDS)
def test_every_figure_on_the_page_is_the_figure_of_the_page_it_leads_to(client_for, manager, lived_in, name):
    desk = client_for(manager)
    page = desk.get(reverse("compliance:report", args=[name])).content.decode()

    links = re.findall(r'<a class="app-fig" href="([^"]+)">([0-9,]+)</a>', page)

    assert links or name == "break-glass"
    for address, number in links:
        answer = words(desk.get(address.replace("&amp;", "&")))
        assert f"{number} in all." in answer or f"{number} times in all" in answer, address


@pytest.mark.parametrize("name", KINDS)
def test_lists_are_read_page_by_page_without_loss(lived_in, scope, month, name):
    kind, later = KINDS[name], timezone.now() + timedelta(minutes=1)
    for key, _number in figures(kind.make(scope, month, now=later)):
        whole = kind.behind(scope, month, selection(key), now=later).table.rows
        pieces = [
            row
            for at in range(0, len(whole) + 2, 2)
            for row in kind.behind(scope, month, selection(key), page=Page(at, 2), now=later).table.rows
        ]
        assert pieces == list(whole), key


def test_figures_of_one_home_count_only_that_home(world, lived_in, organisation, month, home):
    one = Scope(organisation.pk, {home.pk: home.name})
    rows = KINDS["access"].make(one, month).tables[1].rows

    assert {row[1].text for row in rows} == {home.name, "No single home"}


def test_manager_of_the_other_home_sees_nothing_of_this_one(client_for, world, lived_in, home):
    desk = client_for(world.person("registered_manager", home=world.second_home, name="Other"))

    page = words(desk.get(reverse("compliance:report", args=["access"])))
    behind = reverse("compliance:report_behind", args=["access"])

    assert world.second_home.name in page
    assert home.name not in page
    assert desk.get(f"{behind}?figure=home={home.pk}").status_code == 404


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("access", "home={uuid}"),
        ("access", "role=emperor"),
        ("access", "what=views;what=changes"),
        ("access", "month=2026-99;what=views"),
        ("access", ""),
        ("privileged", "group=none"),
        ("privileged", "month=x"),
        ("leavers", "kind=gone"),
        ("sign-ins", "hour=24;day=1"),
        ("sign-ins", "hour=x;day=1"),
        ("exports", "nothing=1"),
        ("break-glass", "some=1"),
        ("integrity", "kind=all"),
        ("integrity", "'; DROP TABLE x=1"),
    ],
)
def test_a_figure_that_is_not_on_the_report_is_404(client_for, manager, name, figure):
    address = reverse("compliance:report_behind", args=[name])

    assert client_for(manager).get(address, {"figure": figure.format(uuid=uuid4())}).status_code == 404


@pytest.mark.parametrize("name", ["report", "report_behind"])
def test_report_that_does_not_exist_is_404(client_for, manager, name):
    assert client_for(manager).get(reverse(f"compliance:{name}", args=["gossip"])).status_code == 404


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("form", Format)
def test_file_is_sealed_with_its_name_period_and_rows_before_it_is_sent(
    client_for, manager, lived_in, month, name, form, settle
):
    answer = client_for(manager).post(
        reverse("compliance:report_file", args=[name]), {"format": form.value, "period": month.key}
    )
    settle()

    event = Event.objects.get(action="compliance.report.exported")
    told = open_details(event)
    assert answer.status_code == 200
    assert answer["Content-Disposition"].endswith(f'{name}-{month.first}-{month.last}.{form.value}"')
    assert event.actor == manager.ref
    assert (told["report"], told["first_day"], told["format"]) == (name, month.first.isoformat(), form.value)
    assert isinstance(told["rows"], int)


def test_file_is_not_sent_when_the_ledger_does_not_take_it(manager, month, monkeypatch, actor_for):
    def fail(**_values):
        raise audit.services.LedgerUnavailable

    monkeypatch.setattr(audit.services, "append", fail)

    with pytest.raises(audit.services.LedgerUnavailable):
        export_report(actor=actor_for(manager), kind=KINDS["access"], span=month, form=Format.CSV)


def test_file_is_refused_to_an_inspector(world, actor_for, month):
    with pytest.raises(NotPermitted):
        export_report(actor=actor_for(world.person("inspector")), kind=KINDS["access"], span=month, form=Format.CSV)


def test_files_hold_no_formula(manager, lived_in, month, actor_for):
    actor = actor_for(manager)
    sheet = export_report(actor=actor, kind=KINDS["leavers"], span=month, form=Format.XLSX).data
    text = export_report(actor=actor, kind=KINDS["leavers"], span=month, form=Format.CSV).data.decode("utf-8-sig")

    cells = [cell for ws in load_workbook(io.BytesIO(sheet)) for row in ws.iter_rows() for cell in row]
    assert any(BAD_NAME in str(cell.value) for cell in cells)
    assert all(cell.data_type != "f" for cell in cells)
    rows = list(csv.reader(io.StringIO(text)))
    assert any(cell.startswith(f"'{BAD_NAME}") for row in rows for cell in row)
    assert not any(cell.startswith(("=", "@", "+")) for row in rows for cell in row)


def test_file_holds_the_figures_of_the_page(manager, lived_in, month, actor_for, home):
    actor = actor_for(manager)
    scope = Scope(actor.organisation_id, {home.pk: home.name})
    report = KINDS["access"].make(scope, month)

    file = export_report(actor=actor, kind=KINDS["access"], span=month, form=Format.XLSX)
    book = load_workbook(io.BytesIO(file.data))

    rows = [[cell.value for cell in row] for row in book["By role"].iter_rows(min_row=2)]
    assert rows == [[c.text if c.number is None else c.number for c in row] for row in report.tables[0].rows]


@pytest.mark.parametrize("name", KINDS)
def test_pages_cost_the_same_however_much_happened(client_for, manager, world, entry, home, name):
    desk = client_for(manager)
    address = reverse("compliance:report", args=[name])

    def busy(number):
        for _ in range(number):
            who = world.person("carer", name=f"C{len(world.people)}")
            entry("records.resident.viewed", by=who.ref, kind=EventKind.VIEW, home=home)
            entry("access.session.unlock_failed", by=who.ref, home=home)
            entry("compliance.pack.downloaded", by=who.ref)
            record_leaver(actor=Actor.of(manager), staff=who, left_at=timezone.now())

    def cost():
        with CaptureQueriesContext(connection) as caught:
            desk.get(address)
        return sum("access_session" not in query["sql"] for query in caught)  # the last input is noted now and then

    busy(2)
    few = cost()
    busy(3)
    assert cost() <= few


def test_reports_lists_each_with_its_question_and_figure(client_for, manager, lived_in):
    page = words(client_for(manager).get(reverse("compliance:reports")))

    for kind in KINDS.values():
        assert kind.title in page
        assert kind.question.replace("'", "&#x27;") in page


@pytest.mark.parametrize("name", [*KINDS])
def test_empty_report_says_what_it_means(client_for, manager, name):
    page = words(client_for(manager).get(reverse("compliance:report", args=[name]), {"period": "2019-02"}))

    meant = {
        "access": "Nothing is in the audit log for these days.",
        "privileged": "Nobody used administrator rights in these days.",
        "leavers": "Nobody was recorded as having left in these days.",
        "sign-ins": "No sign-in and no unlocking failed in these days.",
        "exports": "Nothing was exported, printed, downloaded or imported in these days.",
        "break-glass": "Break-glass is not available in this version, so nothing can be recorded.",
        "integrity": "No full check ended in these days.",
    }
    assert meant[name] in page


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"period": "own", "from": "2026-05-02", "to": "2026-05-01"}, "The last day is before the first."),
        ({"period": "own", "from": "2025-01-01", "to": "2026-06-01"}, "Choose at most a year."),
        ({"period": "own", "from": "soon", "to": "2026-05-01"}, "Enter the first day"),
        ({"period": "2026-13"}, "There is no such period."),
    ],
)
def test_period_that_means_nothing_is_told_and_this_month_shown(client_for, manager, query, told):
    answer = client_for(manager).get(reverse("compliance:report", args=["access"]), query)

    assert answer.status_code == 422
    assert told in words(answer)


def test_reports_name_no_resident(client_for, manager, resident, lived_in, month, actor_for, end_views):
    desk = client_for(manager)
    desk.get(reverse("records:resident", args=[resident.pk]))
    end_views()

    pages = [words(desk.get(reverse("compliance:report", args=[name]))) for name in KINDS]
    files = [
        export_report(actor=actor_for(manager), kind=kind, span=month, form=Format.CSV).data.decode()
        for kind in KINDS.values()
    ]

    assert not any("Brown" in text or str(resident.pk) in text for text in pages + files)


def test_pack_holds_every_report_without_what_people_typed(organisation, manager, entry, lived_in):
    entry("records.resident_list.imported", by=manager.ref, reason="For Ada Brown's daughter")

    books = workbooks(organisation.pk, timezone.now())
    sheets = {name: load_workbook(io.BytesIO(data)) for name, data in books.items()}
    texts = {
        name: " ".join(str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row)
        for name, book in sheets.items()
    }

    assert list(books) == list(KINDS)
    assert "Evidence pack downloaded" in texts["exports"]
    assert not any("Ada Brown" in text for text in texts.values())
    assert manager.display_name in texts["privileged"]


def test_bad_selection_never_reaches_the_database(scope, month):
    for kind in KINDS.values():
        with pytest.raises(BadSelection):
            kind.behind(scope, month, {"x": "y"})


def test_scope_of_a_person_is_the_homes_they_may_read(organisation, manager, actor_for, home):
    scope = Scope.of(actor_for(manager), "compliance.report.read")

    assert dict(scope.homes) == {home.pk: home.name}
    assert isinstance(next(iter(scope.homes)), UUID)
