"""Who looked at a record: what staff read, within how long, at what cost."""

from dataclasses import replace
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import audit.services
from audit.models import Event, EventKind, OpenView
from compliance.access_reports import ledger, queries
from compliance.access_reports import letter as letters
from compliance.access_reports.services import ask_why, check_code, visitor_of
from records.services import write_daily_note
from tests.doors import client_of


def words(response):
    """What a person reads, without markup, with single spaces."""
    import html
    import re

    text = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split())


def page_of(client, resident, period="30", **more):
    return client.get(reverse("compliance:access_report", args=[resident.pk]), {"period": period} | more)


def test_report_shows_a_snoop_at_once_while_the_view_is_still_open(client_for, manager, resident, snoop):
    assert OpenView.objects.filter(actor=snoop.ref).exists()

    text = words(page_of(client_for(manager), resident))

    assert "Jo Example, Carer opened the daily notes." in text
    assert "1 person was in this record." in text or "people were in this record." in text


def test_report_counts_repeats_and_says_the_same_once_the_view_is_sealed(world, client_for, manager, resident, snoop):
    for _again in range(2):
        client_of(snoop).get(reverse("records:daily_notes", args=[resident.pk]))
    before = words(page_of(client_for(manager), resident))
    audit.services.close_views(world.organisation.pk, everything=True)

    after = words(page_of(client_for(manager), resident))

    for text in (before, after):
        assert "Jo Example, Carer opened the daily notes, 3 times." in text


def test_report_names_the_tablet(world, actor_for, administrator, manager, client_for, resident):
    from access.services import enrol_device

    device, secret = enrol_device(actor=actor_for(administrator), name="Oak tablet 2", care_home=world.home)
    carer = world.person("carer")
    client_of(carer, device, secret).get(reverse("records:resident", args=[resident.pk]))

    text = words(page_of(client_for(manager), resident))

    assert "Carer Example, Carer opened today's page, on Oak tablet 2." in text


def test_report_tells_that_a_note_was_written_and_never_what_it_says(actor_for, carer, client_for, manager, resident):
    write_daily_note(actor=actor_for(carer), resident=resident, body="Fell in the bath.", occurred_at=timezone.now())

    response = page_of(client_for(manager), resident)

    assert "Carer Example, Carer wrote a daily note." in words(response)
    assert b"bath" not in response.content


def test_report_sums_lists_apart_and_shows_nothing_of_other_residents(world, client_for, carer, manager, resident):
    world.admit(first_name="Iris", last_name="Hall", room="5")
    client_of(carer).get(reverse("records:resident_list"))

    response = page_of(client_for(manager), resident)

    assert "Also seen in lists" in words(response)
    assert "Carer Example, Carer1 time" in words(response).replace(" 1 time", "1 time")
    assert b"Hall" not in response.content


def test_report_keeps_the_systems_own_work_to_one_quiet_line(world, client_for, manager, resident):
    for _night in range(3):
        audit.services.append(
            organisation_id=world.organisation.pk,
            actor="system:backups",
            action="backups.set.made",
            subject=resident.ref,
            residents=[resident.pk],
        )

    text = words(page_of(client_for(manager), resident))

    assert "The system itself worked on this record 3 times" in text
    assert "The system," not in text


def test_report_shows_a_refusal_and_an_export(world, carer, client_for, manager, resident):
    for action, kind in (
        ("access.permission.refused", EventKind.REFUSAL),
        ("records.resident.exported", EventKind.ACT),
    ):
        audit.services.append(
            organisation_id=world.organisation.pk,
            actor=carer.ref,
            action=action,
            subject=resident.ref,
            residents=[resident.pk],
            kind=kind,
        )

    text = words(page_of(client_for(manager), resident))

    assert "tried to open the record and was refused" in text
    assert "printed or exported from the record" in text


def test_report_leaves_out_what_lies_before_its_period(world, client_for, carer, manager, resident, monkeypatch):
    old = timezone.now() - timedelta(days=20)
    monkeypatch.setattr("audit.services.timezone.now", lambda: old)
    audit.services.append(
        organisation_id=world.organisation.pk,
        actor=carer.ref,
        action="records.resident.exported",
        subject=resident.ref,
        residents=[resident.pk],
    )
    monkeypatch.undo()
    client = client_for(manager)

    assert "printed or exported" not in words(page_of(client, resident, "7"))
    assert "printed or exported" in words(page_of(client, resident, "30"))
    assert "printed or exported" in words(page_of(client, resident, "all"))
    assert "printed or exported" in words(page_of(client, resident, "nonsense"))  # the usual 30 days


def test_report_puts_a_look_on_londons_day(world, client_for, carer, manager, resident, monkeypatch):
    """Half past midnight in summer is the day before in UTC."""
    from datetime import UTC, datetime

    monkeypatch.setattr("audit.services.timezone.now", lambda: datetime(2026, 7, 1, 23, 30, tzinfo=UTC))
    audit.services.append(
        organisation_id=world.organisation.pk,
        actor=carer.ref,
        action="records.resident.exported",
        subject=resident.ref,
        residents=[resident.pk],
    )
    monkeypatch.undo()

    text = words(page_of(client_for(manager), resident, "all"))

    assert "Thursday 2 July 2026" in text
    assert "00:30" in text


def test_report_says_that_somebody_has_left(world, actor_for, client_for, manager, resident, snoop):
    from access.services import record_leaver

    record_leaver(actor=actor_for(manager), staff=snoop, left_at=timezone.now())

    assert "Jo Example, Carer, has left" in words(page_of(client_for(manager), resident))


def test_report_stands_when_the_details_of_an_entry_do_not_open(world, client_for, manager, resident, snoop):
    audit.services.close_views(world.organisation.pk, everything=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT detail FROM audit_event WHERE actor = %s", [snoop.ref])
        detail = bytes(cursor.fetchone()[0])
    entry = ledger.entries(world.organisation.pk, resident.pk, None, actor=snoop.ref)[0]
    altered = detail[:-1] + bytes([detail[-1] ^ 1])

    assert ledger._page(world.organisation.pk, resident.pk, entry, world.home.pk, detail) == "records:daily_notes"
    assert ledger._page(world.organisation.pk, resident.pk, entry, world.home.pk, altered) == ""
    assert replace(entry, page="").words == "opened the record"


def test_report_costs_the_same_number_of_queries_whatever_it_holds(world, actor_for, manager, resident, shared, snoop):
    ask_why(asker=visitor_of(shared[0]), resident=resident, entry_id=OpenView.objects.get(actor=snoop.ref).pk)

    def queries_of_report():
        with CaptureQueriesContext(connection) as caught:
            report = queries.staff_report(actor_for(manager), resident, period="30")
        return len(caught), len(report.people)

    few, people = queries_of_report()
    for number in range(12):
        person = world.person(("carer", "nurse", "activities")[number % 3], name=f"N{number}")
        client_of(person).get(reverse("records:resident", args=[resident.pk]))
        write_daily_note(actor=actor_for(person), resident=resident, body="Slept well.", occurred_at=timezone.now())

    assert queries_of_report() == (few, people + 12)
    assert few <= 12


def test_report_is_paged_by_days(world, client_for, carer, manager, resident, monkeypatch):
    now = timezone.now()
    for back in range(1, 11):
        monkeypatch.setattr("audit.services.timezone.now", lambda back=back: now - timedelta(days=back))
        audit.services.append(
            organisation_id=world.organisation.pk,
            actor=carer.ref,
            action="records.resident.exported",
            subject=resident.ref,
            residents=[resident.pk],
        )
    monkeypatch.undo()
    client = client_for(manager)

    first, second = words(page_of(client, resident)), words(page_of(client, resident, page=2))

    assert "Page 1 of 2" in first
    assert first.count("printed or exported from the record.") < 8
    assert "Printed 10" in first
    assert "Page 2 of 2" in second
    assert "printed or exported from the record." in second


def test_report_of_another_home_is_unknown(world, client_for, manager, resident):
    elsewhere = world.admit(care_home=world.second_home, first_name="Iris", last_name="Hall")

    assert page_of(client_for(manager), elsewhere).status_code == 404
    assert page_of(client_for(manager), resident).status_code == 200


def test_records_pages_lead_to_the_report_for_those_who_may(world, client_for, carer, kitchen, manager, resident):
    senior = world.person("senior_carer")
    address = reverse("compliance:access_report", args=[resident.pk]).encode()

    def shows(person):
        return address in client_for(person).get(reverse("records:resident", args=[resident.pk])).content

    assert [shows(person) for person in (manager, senior, carer, kitchen)] == [True, True, False, False]


def test_senior_carer_reads_and_asks_but_gives_nothing_away(world, client_for, resident, snoop):
    client = client_for(world.person("senior_carer"))

    response = page_of(client, resident)

    assert b"Ask why" in response.content
    assert reverse("compliance:access_report_shares", args=[resident.pk]).encode() not in response.content
    assert client.post(reverse("compliance:access_report_letter", args=[resident.pk])).status_code == 403


def test_reading_the_report_is_itself_a_look(client_for, manager, administrator, resident):
    page_of(client_for(administrator), resident)

    assert "opened this report of who looked" in words(page_of(client_for(manager), resident))


def test_letter_is_a_pdf_with_its_making_sealed(client_for, manager, resident, snoop):
    response = client_for(manager).post(reverse("compliance:access_report_letter", args=[resident.pk]) + "?period=7")

    assert response["Content-Type"] == "application/pdf"
    assert response.content.startswith(b"%PDF-")
    entry = Event.objects.get(action="compliance.access_report.printed")
    assert (entry.actor, entry.subject, entry.residents) == (manager.ref, resident.ref, [resident.pk])


def test_letter_says_who_looked_when_and_where(actor_for, manager, resident, snoop):
    report = queries.staff_report(actor_for(manager), resident, period="7", whole=True)

    told = _told(report)

    assert "Who looked at the record of Ada Brown" in told
    assert any(line.startswith("Made by Registered Example, ") for line in told)
    assert "Jo Example, Carer opened the daily notes" in told
    assert "Earlier days are left out here. Ask the home for a letter about them, or for a link." not in told


def test_letter_tells_one_relative_nothing_of_another(actor_for, manager, resident, snoop, shared):
    share = shared[0]
    visitor = visitor_of(share)
    check_code(share=share, code=shared[2])
    seen = queries.visitor_report(visitor).days[0][1]
    line = next(shown.line for shown in seen if "daily notes" in shown.line.words)
    ask_why(asker=visitor, resident=resident, entry_id=line.id, words="I do not trust this carer")

    told = " ".join(_told(queries.staff_report(actor_for(manager), resident, period="7", whole=True)))

    assert "Jo Example" in told
    assert "Jane" not in told
    assert "I do not trust" not in told
    assert "Somebody else with a link from the home" in told


def test_letter_that_grows_too_long_says_what_it_leaves_out(actor_for, manager, resident, snoop, monkeypatch):
    report = queries.staff_report(actor_for(manager), resident, period="7", whole=True)
    monkeypatch.setattr(letters, "LONGEST", 1)
    report.days.append((report.days[0][0] - timedelta(days=1), report.days[0][1]))

    told = _told(report)

    assert "Earlier days are left out here. Ask the home for a letter about them, or for a link." in told


def _told(report):
    def texts(flowables):
        for flowable in flowables:
            if hasattr(flowable, "getPlainText"):
                yield flowable.getPlainText()
            for row in getattr(flowable, "_cellvalues", ()):
                yield from texts(row)

    letters.register_fonts()
    title = "Who looked at the record of Ada Brown"
    return list(texts(letters._story(report, title, "Rosebank Care", "Rosebank House", "Registered Example")))
