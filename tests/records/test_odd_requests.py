"""A carer with a browser and a little knowledge: however a page is asked for, who saw a resident is written down.

The rule that is held: where an answer carries a resident's name, the ledger counts that view by that person.
"""

import pytest
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from access.actors import Actor
from audit.models import Event, OpenView
from audit.open_views import close_views
from records.services import write_daily_note
from tests.database import as_admin

pytestmark = pytest.mark.django_db(transaction=True)

NAME, BODY = "Quillonaplanted", "Noteplanted, ate well"
HEADERS = [
    {},
    {"HTTP_X_BACKGROUND": "1"},
    {"HTTP_HX_REQUEST": "true"},
    {"HTTP_HX_REQUEST": "true", "HTTP_HX_HISTORY_RESTORE_REQUEST": "true"},
    {"HTTP_HX_BOOSTED": "true", "HTTP_HX_TARGET": "main"},
    {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"},
    {"HTTP_PURPOSE": "prefetch", "HTTP_SEC_PURPOSE": "prefetch;prerender", "HTTP_X_MOZ": "prefetch"},
    {"HTTP_IF_NONE_MATCH": "*", "HTTP_IF_MODIFIED_SINCE": "Mon, 01 Jan 2035 00:00:00 GMT"},
    {"HTTP_RANGE": "bytes=0-100000"},
    {"HTTP_ACCEPT": "application/json"},
    {"HTTP_ACCEPT": "text/event-stream", "HTTP_CONNECTION": "close"},
    {"HTTP_X_HTTP_METHOD_OVERRIDE": "HEAD", "HTTP_EXPECT": "100-continue"},
]
METHODS = ["get", "head", "options", "post", "put", "patch", "delete", "trace"]


@pytest.fixture
def named(world, carer):
    made = world.admit(first_name=NAME, preferred_name="")
    note = write_daily_note(actor=Actor.of(carer), resident=made, body=BODY, occurred_at=timezone.now())
    return made, note


def views_of(carer, resident):
    """How often this person is written down as having seen this resident, sealed or still open."""
    sealed = Event.objects.filter(actor=carer.ref, kind="view", residents__contains=[resident.pk])
    still = OpenView.objects.filter(actor=carer.ref, residents__contains=[resident.pk])
    return sum(rows.aggregate(n=Sum("count"))["n"] or 0 for rows in (sealed, still))


def pages(resident, note):
    one = [resident.pk]
    return [
        reverse("records:resident_list"),
        reverse("records:resident_list") + f"?q={NAME}",
        *(reverse(f"records:{name}", args=one) for name in ("resident", "daily_notes", "daily_note_new")),
        reverse("records:daily_note_correct", args=[note.pk]),
        reverse("api:residents"),
        reverse("api:resident", args=one),
        reverse("api:notes", args=one),
        reverse("api:note_corrections", args=[note.pk]),
        reverse("home"),
        reverse("access:account"),
        reverse("access:session_state"),
    ]


@pytest.mark.parametrize("method", METHODS)
def test_no_way_of_asking_shows_a_resident_unseen(named, carer, client_for, method):
    resident, note = named
    client, shown = client_for(carer, raise_request_exception=False), 0

    for url in pages(resident, note):
        for headers in HEADERS:
            before = views_of(carer, resident)
            answer = getattr(client, method)(url, **headers)
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content
            told = content + b" ".join(value.encode() for _name, value in answer.items())
            if NAME.encode() in told or BODY.encode() in told:
                shown += 1
                assert views_of(carer, resident) == before + 1, (method, url, headers)
            assert answer.status_code != 500, (method, url, headers)

    assert (shown > len(HEADERS) * 5) is (method == "get")


def test_a_form_sent_wrong_shows_the_page_and_counts_it(named, carer, client_for):
    resident, note = named
    client = client_for(carer)
    for url, status in (
        (reverse("records:daily_note_new", args=[resident.pk]), 422),
        (reverse("records:daily_note_correct", args=[note.pk]), 422),
    ):
        before = views_of(carer, resident)
        answer = client.post(url, {"body": ""}, HTTP_HX_REQUEST="true")
        assert answer.status_code == status
        assert views_of(carer, resident) == before + 1


def test_an_answer_nobody_waits_for_is_counted_all_the_same(named, carer, client_for):
    """The view is written before the first byte leaves: to hang up early hides nothing."""
    resident, _note = named
    answer = client_for(carer).get(reverse("records:resident", args=[resident.pk]))
    assert not answer.streaming
    answer.close()

    assert views_of(carer, resident) == 1


def test_a_view_that_cannot_be_written_shows_nothing(named, carer, client_for):
    """Neither page nor API: 503, without a word of the resident."""
    resident, _note = named
    client = client_for(carer)
    with as_admin() as admin:
        admin.execute("ALTER TABLE audit_open_view ADD CONSTRAINT full_disk CHECK (actor = '') NOT VALID")
        try:
            answers = [
                client.get(reverse(name, args=[resident.pk]))
                for name in ("records:resident", "records:daily_notes", "api:resident", "api:notes")
            ]
        finally:
            admin.execute("ALTER TABLE audit_open_view DROP CONSTRAINT full_disk")

    assert [answer.status_code for answer in answers] == [503] * 4
    assert not any(NAME.encode() in answer.content or BODY.encode() in answer.content for answer in answers)
    assert views_of(carer, resident) == 0


def test_a_locked_screen_shows_nothing_however_it_is_asked(named, carer, client_for):
    resident, note = named
    client = client_for(carer)
    client.post(reverse("access:lock_now"))
    close_views(carer.organisation_id, everything=True)

    for url in pages(resident, note):
        for headers in HEADERS:
            answer = client.get(url, **headers)
            assert NAME.encode() not in answer.content, (url, headers)
            assert BODY.encode() not in answer.content, (url, headers)

    assert views_of(carer, resident) == 0
