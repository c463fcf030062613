"""Writing and correcting daily notes, and what the ledger keeps of it."""

import json
import threading
from datetime import timedelta
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from access.errors import NotPermitted
from access.tenancy import acting_for
from audit.context import Origin, acting
from audit.entries import open_details
from audit.errors import LedgerUnavailable
from audit.models import Event
from audit.reading import collecting
from records.errors import AlreadyCorrected, BadText, NoteInFuture
from records.models import DailyNote
from records.services import correct_daily_note, write_daily_note
from records.services.daily_notes import _with_id


@pytest.fixture
def write(carer, resident, actor_for):
    def go(body="Slept well.", **values):
        return write_daily_note(
            actor=values.pop("actor", None) or actor_for(carer),
            resident=resident,
            body=body,
            occurred_at=values.pop("occurred_at", None) or timezone.now(),
            **values,
        )

    return go


def test_write_daily_note_seals_act_and_change_as_one_entry_without_the_text(write, carer, settle):
    note = write("Wept for her sister.")
    settle()

    event = Event.objects.get(subject=note.ref)
    details = open_details(event)

    assert (event.kind, event.action, event.actor) == ("change", "records.daily_note.written", carer.ref)
    assert "Wept" not in json.dumps(details)
    assert "body" in details["fields"]
    assert len(details["digest"]) == 64


def test_write_daily_note_keeps_nothing_when_the_ledger_fails(write):
    with (
        patch.object(Event, "save", side_effect=DatabaseError),
        pytest.raises(LedgerUnavailable),
        transaction.atomic(),
    ):
        write()

    assert not DailyNote.objects.exists()


def test_write_daily_note_refuses_the_future(write):
    with pytest.raises(NoteInFuture):
        write(occurred_at=timezone.now() + timedelta(minutes=1))


@pytest.mark.parametrize("body", ["", "  ", "x" * 4001, "a\x07b"])
def test_write_daily_note_refuses_bad_text(write, body):
    with pytest.raises(BadText):
        write(body)


@pytest.mark.parametrize("role", ["kitchen", "administrator", "inspector"])
def test_write_daily_note_is_refused_to_those_who_may_not(world, write, actor_for, role):
    with pytest.raises(NotPermitted):
        write(actor=actor_for(world.person(role)))


def test_write_daily_note_sent_twice_is_one_note(write):
    note_id = uuid4()

    first, second = write(note_id=note_id), write(note_id=note_id)

    assert first.pk == second.pk == note_id
    assert DailyNote.objects.count() == 1


def test_write_daily_note_with_a_used_id_and_other_text_loses_nothing(write):
    note_id = uuid4()

    write("Slept well.", note_id=note_id)
    write("Slept badly.", note_id=note_id)

    assert {note.body for note in DailyNote.objects.all()} == {"Slept well.", "Slept badly."}


@pytest.mark.django_db(transaction=True)
def test_write_daily_note_sent_twice_at_once_is_one_note(world, write, carer, actor_for):
    note_id, together, written = uuid4(), threading.Barrier(2), []

    def look(*asked):
        found = _with_id(*asked)
        if found is None:
            together.wait(timeout=10)
        return found

    def send():
        with acting_for(world.organisation.pk), acting(Origin(world.organisation.pk, carer.ref)), collecting("a test"):
            written.append(write(note_id=note_id, actor=actor_for(carer)))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    with patch("records.services.daily_notes._with_id", look):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [note.pk for note in written] == [note_id, note_id]
    assert DailyNote.objects.count() == 1


def test_write_daily_note_with_an_id_of_another_organisation_tells_nothing(write):
    note_id = write(note_id=uuid4()).pk

    with patch("records.services.daily_notes._with_id", return_value=None):  # as behind the wall
        second = write("Slept badly.", note_id=note_id)

    assert second.pk != note_id
    assert DailyNote.objects.get(pk=second.pk).body == "Slept badly."


def test_correct_daily_note_supersedes_and_keeps_the_first_text(write, carer, actor_for):
    note = write("Ate well.")

    corrected = correct_daily_note(actor=actor_for(carer), note=note, body="Ate half.", reason="Misread the chart.")

    assert corrected.supersedes_id == note.pk
    assert [n.body for n in DailyNote.objects.filter(correction__isnull=True)] == ["Ate half."]
    assert DailyNote.objects.get(pk=note.pk).body == "Ate well."
    assert Event.objects.filter(action="records.daily_note.corrected", subject=corrected.ref).count() == 1


def test_correct_daily_note_twice_is_refused(write, carer, actor_for):
    note = write()
    correct_daily_note(actor=actor_for(carer), note=note, body="A", reason="B")

    with pytest.raises(AlreadyCorrected):
        correct_daily_note(actor=actor_for(carer), note=note, body="C", reason="D")


def test_correct_daily_note_of_another_needs_the_right(world, write, nurse, actor_for):
    note, other = write(), world.person("carer", name="Second")

    with pytest.raises(NotPermitted):
        correct_daily_note(actor=actor_for(other), note=note, body="A", reason="B")

    assert correct_daily_note(actor=actor_for(nurse), note=note, body="A", reason="B").supersedes_id == note.pk


def test_note_page_saves_once_when_the_form_is_sent_twice(client_for, carer, resident):
    client = client_for(carer)
    url = reverse("records:daily_note_new", args=[resident.pk])
    note_id = client.get(url).context["form"].initial["note_id"]
    data = {
        "note_id": note_id,
        "body": "Sang along.",
        "kind": "mood",
        "occurred_at": timezone.localtime().strftime("%Y-%m-%dT%H:%M"),
    }

    answers = [client.post(url, data).status_code for _ in range(2)]

    assert answers == [302, 302]
    assert DailyNote.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"body": ""}, "Write something first"),
        ({"body": "x" * 4001}, "Shorten the text to 4,000 characters"),
        ({"body": "a\x07b"}, "hidden character at place 2"),
        ({"occurred_at": "2999-01-01T10:00"}, "not in the future"),
        ({"occurred_at": "yesterday"}, "real date and time"),
        ({"kind": "flying"}, "flying"),
    ],
)
def test_note_page_says_what_to_do_and_keeps_what_was_typed(client_for, carer, resident, change, words):
    client = client_for(carer)
    now = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
    data = {"body": "Typed with care.", "kind": "mood", "occurred_at": now} | change

    response = client.post(reverse("records:daily_note_new", args=[resident.pk]), data)

    page = response.content.decode()
    assert response.status_code == 422
    assert "There is a problem" in page
    assert words in page
    assert not DailyNote.objects.exists()
    if "body" not in change:
        assert "Typed with care." in page


def test_note_of_five_megabytes_is_refused_with_a_clear_page(client_for, carer, resident):
    response = client_for(carer).post(
        reverse("records:daily_note_new", args=[resident.pk]), {"body": "x" * 5_000_000, "kind": "mood"}
    )

    assert response.status_code == 413
    assert "Go back, shorten it and save again" in response.content.decode()
    assert not DailyNote.objects.exists()


def test_resident_page_is_one_view_in_the_ledger(client_for, carer, resident, write, end_views):
    write()
    client = client_for(carer)

    client.get(reverse("records:resident", args=[resident.pk]))
    end_views()

    views = list(Event.objects.filter(kind="view"))
    assert [(v.action, v.actor, v.residents) for v in views] == [("records.resident.viewed", carer.ref, [resident.pk])]


def test_page_is_withheld_when_its_view_cannot_be_sealed(client_for, carer, resident):
    client = client_for(carer)

    with patch("audit.services.note_view", side_effect=LedgerUnavailable):
        response = client.get(reverse("records:resident", args=[resident.pk]))

    assert response.status_code == 503
    assert "Ada" not in response.content.decode()


def test_refusal_is_sealed(client_for, kitchen, resident):
    client_for(kitchen).get(reverse("records:daily_notes", args=[resident.pk]))

    refusal = Event.objects.get(kind="refusal")
    assert (refusal.actor, refusal.action) == (kitchen.ref, "access.permission.refused")


def test_daily_notes_page_shows_corrections_at_a_fixed_number_of_queries(
    client_for, carer, resident, write, actor_for, django_assert_max_num_queries
):
    client, url = client_for(carer), reverse("records:daily_notes", args=[resident.pk])
    note = write("Ate well.")
    correct_daily_note(actor=actor_for(carer), note=note, body="Ate half.", reason="Misread.")
    client.get(url)

    with django_assert_max_num_queries(16) as few:
        client.get(url)
    for number in range(12):
        more = write(f"Note {number}")
        correct_daily_note(actor=actor_for(carer), note=more, body=f"Better {number}", reason="Misread.")
    with django_assert_max_num_queries(len(few.captured_queries)):
        page = client.get(url).content.decode()

    assert page.count("<del") == 13
