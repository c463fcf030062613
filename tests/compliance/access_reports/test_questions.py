"""Asking why and answering: who may, what is kept, what reaches whom."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from access.errors import NotPermitted
from audit.models import Event, OpenView
from compliance.access_reports import queries
from compliance.access_reports.services import answer_question, ask_why, correct_answer, visitor_of
from compliance.errors import AlreadyAnswered, AlreadyAsked, OwnAccess, UnknownLook
from compliance.models import AccessAnswer, AccessQuestion, Alert
from records.errors import BadText
from records.services import write_daily_note
from tests.compliance.access_reports.test_report_pages import words


@pytest.fixture
def question(shared, resident, snoop):
    look = OpenView.objects.get(actor=snoop.ref)
    return ask_why(asker=visitor_of(shared[0]), resident=resident, entry_id=look.pk, words="Why?")


@pytest.fixture
def boss(actor_for, manager):
    return actor_for(manager)


def answer(boss, question, **values):
    return answer_question(actor=boss, question=question, **{"outcome": "explained", "words": "She helped."} | values)


def test_ask_why_promises_a_day_and_tells_only_the_ledger(question, shared, snoop, resident):
    assert question.due_on == timezone.localdate() + timedelta(days=10)
    assert (question.staff_ref, question.about) == (snoop.ref, "opened the daily notes")
    entry = Event.objects.get(subject=question.ref)
    assert (entry.actor, entry.action) == (shared[0].ref, "compliance.access_question.asked")
    assert entry.residents == [resident.pk]


def test_question_is_ciphertext_under_the_residents_key(question):
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(q)::text FROM compliance_access_question q")
        row = cursor.fetchone()[0]

    assert b"opened the daily notes".hex() not in row
    assert question.encryption_subject == question.resident_id


def test_ask_why_once_about_a_line(question, shared, resident):
    with pytest.raises(AlreadyAsked):
        ask_why(asker=visitor_of(shared[0]), resident=resident, entry_id=question.entry_id)


def test_ask_why_not_about_the_system_nor_visitors_nor_nothing(world, shared, resident):
    import audit.services

    system = audit.services.append(
        organisation_id=world.organisation.pk,
        actor="system:backups",
        action="backups.set.made",
        subject=resident.ref,
        residents=[resident.pk],
    )
    visit = audit.services.append(
        organisation_id=world.organisation.pk,
        actor=shared[0].ref,
        action="compliance.access_report.opened",
        subject=shared[0].ref,
        residents=[resident.pk],
    )
    for entry_id in (system, visit, uuid4()):
        with pytest.raises(UnknownLook):
            ask_why(asker=visitor_of(shared[0]), resident=resident, entry_id=entry_id)


def test_visitor_asks_about_their_own_resident_alone(world, shared, snoop):
    iris = world.admit(first_name="Iris", last_name="Hall", room="5")
    look = OpenView.objects.get(actor=snoop.ref)

    with pytest.raises(UnknownLook):
        ask_why(asker=visitor_of(shared[0]), resident=iris, entry_id=look.pk)


def test_carer_asks_nothing_for_a_resident(actor_for, carer, resident, snoop):
    look = OpenView.objects.get(actor=snoop.ref)

    with pytest.raises(NotPermitted):
        ask_why(asker=actor_for(carer), resident=resident, entry_id=look.pk)


def test_senior_carer_asks_for_a_resident_and_may_not_answer(world, actor_for, resident, snoop):
    senior = actor_for(world.person("senior_carer"))
    asked = ask_why(asker=senior, resident=resident, entry_id=OpenView.objects.get(actor=snoop.ref).pk)

    assert (asked.share, asked.asked_by) == (None, senior.ref)
    with pytest.raises(NotPermitted):
        answer(senior, asked)


def test_answer_goes_with_what_the_ledger_shows(boss, actor_for, snoop, resident, question):
    write_daily_note(actor=actor_for(snoop), resident=resident, body="Slept well.", occurred_at=timezone.now())

    given = answer(boss, question)

    assert given.facts[0] == "Worked as carer at Rosebank House at that time."
    assert any(fact.startswith("Wrote in this record 1 time in the 12 hours after, first at ") for fact in given.facts)
    assert given.facts[-1] == "Opened this record 1 time that day."


def test_answer_says_when_nothing_was_written_after(boss, question):
    assert "Wrote nothing in this record in the 12 hours after." in answer(boss, question).facts


def test_answer_says_when_somebody_was_on_a_shift(world, boss, resident, shared):
    from tests.doors import client_of

    agency = world.person("agency_carer")
    client_of(agency).get(reverse("records:resident", args=[resident.pk]))
    look = OpenView.objects.get(actor=agency.ref)
    asked = ask_why(asker=visitor_of(shared[0]), resident=resident, entry_id=look.pk)

    assert answer(boss, asked).facts[0].startswith("Was on a shift as agency carer at Rosebank House, from ")


def test_answer_without_a_good_reason_raises_an_alert(boss, question, snoop, home):
    answer(boss, question, outcome="not_explained", words="She could not tell us why.")

    alert = Alert.objects.get()
    assert (alert.rule, alert.staff_ref, alert.care_home, alert.is_open) == ("unexplained", snoop.ref, home, True)
    assert "Brown" not in alert.explanation
    assert Event.objects.filter(subject=alert.ref, action="compliance.alert.raised").count() == 1


def test_answer_with_a_good_reason_raises_none(boss, question):
    answer(boss, question)

    assert not Alert.objects.exists()


def test_second_question_about_the_same_look_raises_no_second_alert(world, boss, actor_for, resident, question):
    senior = actor_for(world.person("senior_carer"))
    again = ask_why(asker=senior, resident=resident, entry_id=question.entry_id)
    for asked in (question, again):
        answer(boss, asked, outcome="not_explained")

    assert Alert.objects.count() == 1


def test_nobody_answers_for_themselves(boss, actor_for, administrator, resident, manager, client_for):
    client_for(manager).get(reverse("records:resident", args=[resident.pk]))
    look = OpenView.objects.get(actor=manager.ref)
    asked = ask_why(asker=boss, resident=resident, entry_id=look.pk)

    with pytest.raises(OwnAccess):
        answer(boss, asked)
    assert answer(actor_for(administrator), asked)


def test_question_is_answered_once_and_corrected_beside(boss, question):
    first = answer(boss, question)
    with pytest.raises(AlreadyAnswered):
        answer(boss, question)

    second = correct_answer(actor=boss, answer=first, outcome="explained", words="She helped on the floor below.")

    with pytest.raises(AlreadyAnswered):
        correct_answer(actor=boss, answer=first, outcome="explained", words="Something else.")
    [asked] = queries.with_answers([question])
    assert [given.pk for given in asked.answers] == [second.pk, first.pk]
    assert Event.objects.filter(subject=second.ref).get().action == "compliance.access_question.answer_corrected"


@pytest.mark.parametrize("text", ["", "  ", "a" * 2_001, "a\u202eb"])
def test_answer_with_bad_words_is_refused(boss, question, text):
    with pytest.raises(BadText):
        answer(boss, question, words=text)


@pytest.mark.parametrize("table", ["compliance_access_question", "compliance_access_answer"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET care_home_id = care_home_id", "DELETE FROM {}"])
def test_questions_and_answers_are_never_changed(boss, question, table, statement):
    answer(boss, question)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "table", ["compliance_access_report_share", "compliance_access_question", "compliance_access_answer"]
)
def test_no_row_is_committed_without_an_entry(boss, question, table):
    answer(boss, question)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgdeferrable FROM pg_trigger WHERE tgname = %s", [f"{table}_sealed"])
        assert cursor.fetchall() == [(True,)]


@pytest.mark.django_db(transaction=True)
def test_share_changed_without_an_entry_is_refused(shared):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE compliance_access_report_share SET wrong_codes = 0, blocked_at = NULL")


def test_open_questions_are_counted_in_the_frame_until_answered(world, boss, client_for, manager, carer, question):
    from access.actors import Actor

    assert queries.open_question_count(boss) == 1
    assert queries.open_question_count(Actor.of(carer)) == 0
    page = client_for(manager).get(reverse("compliance:access_questions")).content
    assert b'Questions<span class="app-count">1</span>' in page.replace(b"</svg> ", b"")

    answer(boss, question)

    assert queries.open_question_count(boss) == 0


def test_questions_page_shows_what_is_open_late_and_answered(boss, client_for, manager, question, monkeypatch):
    client, url = client_for(manager), reverse("compliance:access_questions")
    assert "Jo Example, in the record of Ada Brown" in words(client.get(url))
    import time_machine

    with time_machine.travel(timezone.now() + timedelta(days=11)):
        later = queries.with_answers([question])[0]
    assert later.overdue

    answer(boss, question, outcome="not_explained")
    assert "Not explained" in words(client.get(url))


def test_manager_of_another_home_sees_no_question(world, client_for, question):
    elsewhere = world.person("registered_manager", home=world.second_home)

    assert client_for(elsewhere).get(reverse("compliance:access_question", args=[question.pk])).status_code == 404
    assert "No question waits" in words(client_for(elsewhere).get(reverse("compliance:access_questions")))


def test_manager_answers_and_corrects_on_the_page(client_for, manager, question):
    client, url = client_for(manager), reverse("compliance:access_question", args=[question.pk])

    assert client.post(url, {"outcome": "", "words": ""}).status_code == 422
    assert client.post(url, {"outcome": "explained", "words": "She helped."}).status_code == 302
    assert client.post(url, {"outcome": "explained", "words": "She helped out."}).status_code == 302

    assert AccessAnswer.objects.count() == 2
    text = words(client.get(url))
    assert "Earlier answer, corrected since" in text
    assert "She helped." in text


def test_page_tells_that_the_askers_link_has_ended(client_for, boss, manager, question, shared):
    from compliance.access_reports.services import withdraw_share

    withdraw_share(actor=boss, share=shared[0])

    page = words(client_for(manager).get(reverse("compliance:access_question", args=[question.pk])))

    assert "The link of the person who asked has ended." in page


def test_questions_page_stands_when_a_resident_was_erased(client_for, manager, question, resident):
    from access import keys
    from access.models import DataKey

    DataKey.objects.filter(subject_id=resident.pk).update(wrapped=None, destroyed_at=timezone.now())
    keys.forget()

    assert "A resident whose record was erased" in words(
        client_for(manager).get(reverse("compliance:access_questions"))
    )


def test_senior_carer_asks_on_the_page(world, client_for, resident, snoop):
    client, look = client_for(world.person("senior_carer")), OpenView.objects.get(actor=snoop.ref)
    url = reverse("compliance:access_report_ask", args=[resident.pk, look.pk])

    assert "Jo Example, Carer opened the daily notes" in words(client.get(url))
    assert client.post(url, {"words": "Ada wants to know."}).status_code == 302
    assert client.get(reverse("compliance:access_report_ask", args=[resident.pk, uuid4()])).status_code == 404
    assert AccessQuestion.objects.get().words == "Ada wants to know."


def test_answering_counts_what_was_asked_in_a_time(world, boss, actor_for, resident, question):
    now = timezone.now()
    senior = actor_for(world.person("senior_carer"))
    again = ask_why(asker=senior, resident=resident, entry_id=question.entry_id)
    answer(boss, question)
    organisation_id = world.organisation.pk

    found = queries.answering(organisation_id, now - timedelta(days=1), now + timedelta(days=1))

    assert (found.asked, found.in_time, found.late, found.waiting, found.overdue) == (2, 1, 0, 1, 0)
    assert found.refs == [question.ref, again.ref]
    assert queries.answering(organisation_id, now - timedelta(days=9), now - timedelta(days=8)).asked == 0
