"""Files of the audit log: asked for with a reason and a password, made in the background, sealed before they go out."""

import csv
import hashlib
import io
import json
import tracemalloc
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

import audit.services
from audit import signing
from audit.models import Event
from audit.verify.command import main as verifier
from compliance.errors import LedgerExportFailed
from compliance.ledger import exports, services
from compliance.ledger.exports import Head
from compliance.ledger.filters import Filters
from compliance.ledger.lines import Line
from compliance.ledger.sentences import Sentence
from compliance.ledger.tasks import build_ledger_export, tidy_ledger_exports
from compliance.models import LedgerExport
from tests.database import as_admin

PASSWORD = "correct horse battery"
NEW = "compliance:ledger_export_new"


@pytest.fixture
def desk(client_for, manager):
    return client_for(manager)


@pytest.fixture
def entries(organisation, home, carer, resident, settle):
    for number in range(5):
        audit.services.append(
            organisation_id=organisation.pk, actor=carer.ref, action="records.daily_note.written",
            subject=f"daily_note:{uuid4()}", residents=[resident.pk], care_home_id=home.pk, detail={"n": number},
        )  # fmt: skip
    settle()


@pytest.fixture
def made(actor_for, manager, entries, organisation):
    def make(kind="csv", filters=Filters(did="wrote")):  # noqa: B008  # frozen
        export = services.request_export(actor=actor_for(manager), filters=filters, kind=kind, reason="For a complaint")
        build_ledger_export.apply((str(organisation.pk), str(export.pk)), throw=True)
        export.refresh_from_db()
        return export

    return make


def actions(organisation):
    return list(
        Event.objects.filter(organisation_id=organisation.pk, action__startswith="compliance.ledger.export")
        .order_by("at").values_list("action", flat=True)
    )  # fmt: skip


def test_file_is_asked_for_made_and_taken_and_each_step_is_sealed(desk, entries, organisation, manager, resident):
    url = reverse(NEW) + "?did=wrote"
    asked = desk.post(url, {"format": "csv", "reason": "For a complaint", "password": PASSWORD})
    export = LedgerExport.objects.get()
    waiting = desk.get(asked.url).content.decode()
    build_ledger_export.apply((str(organisation.pk), str(export.pk)), throw=True)

    page = desk.get(asked.url).content.decode()
    taken = desk.post(reverse("compliance:ledger_export_download", args=[export.pk]))

    assert "hx-get" in waiting
    assert "Download" in page
    body = b"".join(taken.streaming_content)
    export.refresh_from_db()
    assert hashlib.sha256(body).hexdigest() == export.sha256
    assert taken["Content-Disposition"].startswith('attachment; filename="rosebank-audit-log-')
    assert actions(organisation) == [
        "compliance.ledger.export_requested", "compliance.ledger.exported", "compliance.ledger.export_downloaded",
    ]  # fmt: skip
    sealed = Event.objects.get(action="compliance.ledger.exported")
    assert sealed.residents == [resident.pk]


def test_file_holds_the_entries_in_words(made):
    export = made()

    rows = list(csv.reader(io.StringIO(export.path.read_text(encoding="utf-8-sig"))))

    assert rows[0] == ["Audit log of Rosebank Care"]
    assert rows[1] == ["Chosen: Wrote or changed records; Last 30 days"]
    assert "Why: For a complaint" in rows[2][0]
    head = [heading for heading, _width in exports.COLUMNS]
    assert rows[4] == head
    body = [dict(zip(head, row, strict=True)) for row in rows[5:]]
    assert len([row for row in body if "wrote a daily note about Ada Brown at" in row["What happened"]]) == 5
    assert {row["Who"] for row in body} >= {"Carer Example"}
    assert export.entries == len(body)


def test_workbook_and_pdf_hold_the_same(made):
    book = load_workbook(made("xlsx").path, read_only=True)
    pdf = made("pdf")

    values = list(book.active.iter_rows(values_only=True))
    assert (
        len([row for row in values if len(row) > 4 and row[4] and "wrote a daily note about Ada Brown" in row[4]]) == 5
    )
    assert pdf.path.read_bytes().startswith(b"%PDF-")
    assert pdf.entries == made("csv").entries


@pytest.mark.django_db(transaction=True)
def test_proofs_convince_a_stranger_and_show_nothing_else(made, tmp_path, resident, capsys):
    export = made("zip")
    file = tmp_path / "extract.zip"
    file.write_bytes(export.path.read_bytes())

    said = verifier(["--json", str(file), "--key", signing.signer().fingerprint])
    told = json.loads(capsys.readouterr().out)

    assert (said, told["ok"]) == (0, True)
    assert export.entries == 6  # five notes and the resident's admission
    assert b"Ada" not in file.read_bytes()


@pytest.mark.django_db(transaction=True)
def test_proofs_are_not_made_of_a_ledger_that_does_not_lead_to_its_signed_root(made, organisation):
    audit.services.sign_checkpoint(organisation.pk)
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE audit_seal SET leaf = sha256(leaf) WHERE seq = 4")

    with pytest.raises(LedgerExportFailed):
        made("zip")

    assert LedgerExport.objects.get().failure.startswith("The audit log could not be proved.")


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", " =1", "\t=1"])
def test_no_cell_runs_as_a_formula(tmp_path, text):
    line = a_line(who=text)

    exports.write("csv", tmp_path / "a.csv", Head(text, (text,)), iter([line]))
    exports.write("xlsx", tmp_path / "a.xlsx", Head(text, (text,)), iter([line]))

    rows = list(csv.reader(io.StringIO((tmp_path / "a.csv").read_text(encoding="utf-8-sig"))))
    assert rows[0][0].startswith("'")
    assert rows[-1][3].startswith("'")
    cells = [cell for row in load_workbook(tmp_path / "a.xlsx").active.iter_rows() for cell in row if cell.value]
    assert {cell.data_type for cell in cells} == {"s"}


def a_line(who="Jo Mensah"):
    return Line(
        id=UUID(int=1), at=timezone.now(), kind="view", who=who, role="Carer", home="Rosebank House", device="",
        sentence=Sentence(who=who, did="opened a record", where="", when=" at 14:05", times=""),
        number=1, state="sealed",
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_memory_does_not_grow_with_the_file(tmp_path, kind):
    line = a_line()

    def peak(count):
        tracemalloc.start()
        exports.write(kind, tmp_path / f"{count}.{kind}", Head("Audit log", ()), (line for _ in range(count)))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(100)
    assert peak(4000) < peak(400) + 300_000


def test_wrong_password_makes_no_file(desk, world):
    answer = desk.post(reverse(NEW), {"format": "csv", "reason": "For a complaint", "password": "wrong"})

    assert answer.status_code == 422
    assert not LedgerExport.objects.exists()


def test_file_is_cut_at_its_limit_and_says_so(made, monkeypatch, desk):
    monkeypatch.setitem(exports.LIMITS, LedgerExport.Format.CSV, 3)

    export = made()

    assert (export.entries, export.complete) == (3, False)
    page = desk.get(reverse("compliance:ledger_export", args=[export.pk])).content.decode()
    assert "The file holds the newest 3 entries and was cut there." in page


def test_file_of_exactly_its_limit_is_whole(made, monkeypatch):
    whole = made().entries
    monkeypatch.setitem(exports.LIMITS, LedgerExport.Format.CSV, whole)

    assert made().complete


def test_file_is_made_with_the_rights_of_who_asked_as_they_are_now(actor_for, manager, entries, organisation, world):
    from access.services import record_leaver

    export = services.request_export(actor=actor_for(manager), filters=Filters(), kind="csv", reason="For a complaint")
    record_leaver(actor=actor_for(world.person("administrator")), staff=manager, left_at=timezone.now())

    with pytest.raises(LedgerExportFailed):
        build_ledger_export.apply((str(organisation.pk), str(export.pk)), throw=True)

    export.refresh_from_db()
    assert export.state == "failed"
    assert "may no longer export the log" in export.failure
    assert not export.path.exists()
    assert actions(organisation)[-1] == "compliance.ledger.export_failed"


def test_file_of_somebody_else_is_unknown(made, client_for, administrator):
    export = made()

    for name, method in (
        ("ledger_export", "get"),
        ("ledger_export_progress", "get"),
        ("ledger_export_download", "post"),
    ):
        url = reverse(f"compliance:{name}", args=[export.pk])
        assert getattr(client_for(administrator), method)(url).status_code == 404


def test_file_that_was_altered_is_not_given_out(made, desk, organisation):
    export = made()
    export.path.write_text("forged")

    answer = desk.post(reverse("compliance:ledger_export_download", args=[export.pk]), follow=True)

    assert "not the one that was made" in answer.content.decode()
    assert "compliance.ledger.export_downloaded" not in actions(organisation)


def test_file_is_removed_when_its_time_is_over(made, organisation):
    export = made()
    LedgerExport.objects.filter(pk=export.pk).update(expires_at=timezone.now() - timedelta(minutes=1))

    tidy_ledger_exports.apply((str(organisation.pk),), throw=True)

    export.refresh_from_db()
    assert export.state == "expired"
    assert not export.path.exists()


def test_second_request_waits_for_the_first(desk, entries):
    data = {"format": "csv", "reason": "For a complaint", "password": PASSWORD}

    first, second = desk.post(reverse(NEW), data), desk.post(reverse(NEW), data)

    assert first.url == second.url
    assert LedgerExport.objects.count() == 1


def test_requested_file_that_nobody_took_up_is_enqueued_again(made, organisation, actor_for, manager):
    waiting = services.request_export(actor=actor_for(manager), filters=Filters(), kind="csv", reason="Again")
    LedgerExport.objects.filter(pk=waiting.pk).update(created_at=timezone.now() - timedelta(minutes=2))

    assert services.waiting_exports(organisation.pk) == [waiting.pk]
