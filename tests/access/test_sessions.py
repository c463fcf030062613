"""Signing in, the lock that is the server's, and access that ends by itself."""

from datetime import timedelta
from unittest.mock import patch

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access.errors import AlreadyLeft, NotPermitted
from access.middleware import DEVICE_COOKIE
from access.models import Session
from access.services import enrol_device, grant_shift, lock_session, record_leaver
from audit.models import Event
from records.services import write_daily_note

PASSWORD = "correct horse battery"


@pytest.fixture
def visitor(world):
    """Somebody's browser that knows the organisation and nobody yet."""
    client = Client()
    client.post(reverse("access:organisation"), {"code": "Rosebank "})
    return client


def sign_in(client, email, password=PASSWORD):
    return client.post(reverse("access:sign_in"), {"email": email, "password": password})


def actions():
    return list(Event.objects.order_by("at", "id").values_list("action", flat=True))


def test_organisation_code_that_nobody_has_says_so(world):
    response = Client().post(reverse("access:organisation"), {"code": "nowhere"})

    assert response.status_code == 422
    assert "No organisation has this code" in response.content.decode()


def test_sign_in_opens_a_session_and_is_sealed(visitor, carer):
    response = sign_in(visitor, carer.email.upper())

    assert response.status_code == 302
    assert visitor.get(reverse("records:resident_list")).status_code == 200
    assert "access.session.signed_in" in actions()


def test_sign_in_answers_known_and_unknown_accounts_alike(visitor, carer):
    known = sign_in(visitor, carer.email, "wrong password!")
    unknown = sign_in(visitor, "nobody@rosebank.example", "wrong password!")

    assert known.status_code == unknown.status_code == 422
    strip = lambda page: page.content.decode().replace(carer.email, "").replace("nobody@rosebank.example", "")  # noqa: E731
    import re

    tokens = re.compile(r'(csrf-token" content="|csrfmiddlewaretoken" value=")[^"]+')
    assert tokens.sub("", strip(known)) == tokens.sub("", strip(unknown))
    assert actions().count("access.session.sign_in_failed") == 2


def test_sign_in_pauses_an_account_after_five_failures_and_nobody_else(visitor, carer, nurse):
    for _ in range(5):
        last = sign_in(visitor, carer.email, "wrong password!")

    assert last.status_code == 429
    assert "15 minutes" in last.content.decode()
    assert sign_in(visitor, carer.email).status_code == 429
    assert sign_in(visitor, nurse.email).status_code == 302


def test_sign_in_count_is_not_reset_by_a_forged_forwarding_header(visitor, carer):
    for number in range(5):
        last = visitor.post(
            reverse("access:sign_in"),
            {"email": carer.email, "password": "wrong password!"},
            headers={"X-Forwarded-For": f"10.0.0.{number}"},
        )

    assert last.status_code == 429


def test_axes_tables_hold_no_email(visitor, carer):
    from axes.models import AccessAttempt

    sign_in(visitor, carer.email, "wrong password!")

    row = AccessAttempt.objects.get()
    everything = " ".join(str(getattr(row, field.attname)) for field in row._meta.fields)
    assert carer.email not in everything
    assert "wrong password!" not in everything


def test_sign_in_of_another_organisation_is_unknown(world, visitor):
    other = Client()
    other.post(reverse("access:organisation"), {"code": "elmtree"})

    assert sign_in(other, world.person("carer").email).status_code == 422


def test_session_key_is_stored_as_a_digest_only(client_for, carer):
    client = client_for(carer)

    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    row = Session.objects.get(staff=carer)
    assert key not in str(vars(row))
    assert key.encode() != bytes(row.key_digest)


def test_session_of_a_forged_organisation_cookie_is_nobody(client_for, carer):
    from access.middleware import ORGANISATION_COOKIE

    client = client_for(carer)
    client.cookies[ORGANISATION_COOKIE] = client.cookies[ORGANISATION_COOKIE].value[:-2] + "xx"

    response = client.get(reverse("records:resident_list"))

    assert response.status_code == 303
    assert response["Location"].startswith("/organisation/")


@pytest.mark.parametrize("header", [{}, {"Accept": "application/json"}])
def test_idle_screen_is_locked_by_the_server(client_for, carer, resident, header):
    client, url = client_for(carer), reverse("records:resident", args=[resident.pk])
    client.get(url)

    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1), tick=False):
        response = client.get(url, headers=header)

    assert response.status_code == (423 if header else 303)
    assert b"Brown" not in response.content
    assert "access.session.locked" in actions()


def test_background_requests_do_not_keep_a_screen_open(client_for, carer):
    client, start = client_for(carer), timezone.now()

    for minute in range(1, 10):
        with time_machine.travel(start + timedelta(minutes=minute), tick=False):
            polled = client.get(reverse("access:session_state"), headers={"X-Background": "1"})
            assert polled.json() == {"state": "open"}
    with time_machine.travel(start + timedelta(minutes=10, seconds=1), tick=False):
        polled = client.get(reverse("access:session_state"), headers={"X-Background": "1"})

    assert polled.json() == {"state": "locked"}


def test_typing_keeps_a_screen_open(client_for, carer):
    client, start = client_for(carer), timezone.now()

    for minute in range(5, 30, 5):
        with time_machine.travel(start + timedelta(minutes=minute), tick=False):
            assert client.post(reverse("access:activity")).status_code == 204

    assert Session.objects.get(staff=carer).locked_at is None


def test_tablet_locks_after_its_homes_two_minutes(world, client_for, carer, actor_for):
    device, secret = enrol_device(
        actor=actor_for(world.person("administrator")), name="Oak tablet 1", care_home=world.home
    )
    client = client_for(carer, device, secret)

    with time_machine.travel(timezone.now() + timedelta(minutes=2, seconds=1), tick=False):
        response = client.get(reverse("records:resident_list"))

    assert response.status_code == 303


def locked(client, staff):
    client.get(reverse("access:account"))
    row = Session.objects.select_related("staff", "device").get(staff=staff)
    lock_session(row=row, reason="asked")


def test_unlock_by_password_returns_to_the_same_page(client_for, carer, resident):
    client, page = client_for(carer), reverse("records:resident", args=[resident.pk])
    locked(client, carer)

    sent_away = client.get(page)
    wrong = client.post(sent_away["Location"], {"password": "wrong password!"})
    right = client.post(sent_away["Location"], {"password": PASSWORD})

    assert wrong.status_code == 422
    assert (right.status_code, right["Location"]) == (302, page)
    assert client.get(page).status_code == 200
    assert [a for a in actions() if "unlock" in a] == ["access.session.unlock_failed", "access.session.unlocked"]


def test_unlock_gives_the_session_a_new_key(client_for, carer):
    client = client_for(carer)
    locked(client, carer)
    before = client.cookies[settings.SESSION_COOKIE_NAME].value

    client.post(reverse("access:lock"), {"password": PASSWORD})

    assert client.cookies[settings.SESSION_COOKIE_NAME].value != before
    assert client.get(reverse("access:account")).status_code == 200


def test_unlock_does_not_lead_off_the_site(client_for, carer):
    client = client_for(carer)
    locked(client, carer)

    response = client.post(reverse("access:lock") + "?next=//evil.example/", {"password": PASSWORD})

    assert response["Location"] == "/"


def test_late_writer_cannot_unlock_a_session(client_for, carer):
    """A request that began before the lock saves the session's data after it: the lock stands."""
    from access.sessions import SessionStore

    client = client_for(carer)
    slow = SessionStore(client.cookies[settings.SESSION_COOKIE_NAME].value)
    slow.load()
    locked(client, carer)

    slow["something"] = "late"
    slow.save()

    assert client.get(reverse("records:resident_list")).status_code == 303


@pytest.fixture
def tablet(world, client_for, carer, actor_for):
    device, secret = enrol_device(
        actor=actor_for(world.person("administrator")), name="Oak tablet 1", care_home=world.home
    )
    return client_for(carer, device, secret)


def test_pin_unlocks_on_an_enrolled_tablet(tablet, carer):
    locked(tablet, carer)

    assert "Enter your PIN" in tablet.get(reverse("access:lock")).content.decode()
    assert tablet.post(reverse("access:lock"), {"pin": "246810"}).status_code == 302


def test_pin_opens_nothing_on_a_device_that_is_not_enrolled(client_for, carer):
    client = client_for(carer)
    locked(client, carer)

    assert client.post(reverse("access:lock"), {"pin": "246810"}).status_code == 422
    assert Session.objects.get(staff=carer).locked_at is not None


def test_pin_guessed_wrong_five_times_demands_the_password(tablet, carer):
    locked(tablet, carer)

    for _ in range(5):
        tablet.post(reverse("access:lock"), {"pin": "000000"})
    right_too_late = tablet.post(reverse("access:lock"), {"pin": "246810"})

    assert right_too_late.status_code == 422
    assert Session.objects.get(staff=carer).locked_at is not None
    assert tablet.post(reverse("access:lock") + "?method=password", {"password": PASSWORD}).status_code == 302


def test_session_copied_from_a_tablet_opens_nothing_elsewhere(tablet, carer):
    thief = Client()
    thief.cookies.load({name: morsel.value for name, morsel in tablet.cookies.items() if name != DEVICE_COOKIE})

    assert thief.get(reverse("records:resident_list")).status_code == 303


def test_session_ends_twelve_hours_after_the_sign_in_however_busy(client_for, carer):
    client = client_for(carer)
    Session.objects.filter(staff=carer).update(last_input_at=timezone.now() + timedelta(hours=12))

    with time_machine.travel(timezone.now() + timedelta(hours=12, seconds=1), tick=False):
        response = client.get(reverse("records:resident_list"))

    assert response.status_code == 303
    assert response["Location"].startswith("/sign-in/")


def test_agency_workers_access_ends_with_the_shift_by_itself(world, client_for):
    agency = world.person("agency_carer")
    client = client_for(agency)
    assert client.get(reverse("records:resident_list")).status_code == 200
    end = timezone.now() + timedelta(hours=8, seconds=1)

    with time_machine.travel(end, tick=False):
        Session.objects.filter(staff=agency).update(last_input_at=end)
        response = client.get(reverse("records:resident_list"))
        again = client.get(reverse("records:resident_list"))

    assert response.status_code == 403
    assert "has ended" in response.content.decode()
    assert again.status_code == 303


def test_temporary_role_is_never_held_for_good(world, actor_for):
    from django.db import IntegrityError

    from access.roles import Role
    from access.services import give_role

    with pytest.raises(ValueError, match="only through a grant"):
        give_role(actor=world.system, staff=world.person("carer"), care_home=world.home, role=Role.AGENCY_CARER)
    with pytest.raises(IntegrityError):
        grant_shift(
            actor=world.system,
            staff=world.person("carer"),
            care_home=world.home,
            role=Role.AGENCY_CARER,
            starts_at=timezone.now(),
            ends_at=timezone.now() - timedelta(hours=1),
            reason="Backwards",
        )


def test_leaver_is_out_at_the_set_minute_everywhere(client_for, carer, manager, actor_for):
    client = client_for(carer)

    record_leaver(actor=actor_for(manager), staff=carer, left_at=timezone.now())

    assert client.get(reverse("records:resident_list")).status_code == 303
    assert not Session.objects.filter(staff=carer).exists()


def test_leaver_of_next_week_works_until_then(client_for, carer, manager, actor_for):
    client, day = client_for(carer), timezone.now() + timedelta(days=7)
    record_leaver(actor=actor_for(manager), staff=carer, left_at=day)

    assert client.get(reverse("records:resident_list")).status_code == 200
    with time_machine.travel(day + timedelta(seconds=1), tick=False):
        assert client.get(reverse("records:resident_list")).status_code == 303


def test_leaver_whose_access_has_ended_does_not_come_back_by_a_later_day(carer, manager, actor_for):
    record_leaver(actor=actor_for(manager), staff=carer, left_at=timezone.now())

    with pytest.raises(AlreadyLeft):
        record_leaver(actor=actor_for(manager), staff=carer, left_at=timezone.now() + timedelta(days=30))

    carer.refresh_from_db()
    assert not carer.may_sign_in()


def test_leaver_of_another_home_is_not_this_managers_to_record(world, client_for, manager, actor_for):
    theirs = world.person("registered_manager", home=world.second_home)

    page = client_for(manager).get(reverse("access:leaver", args=[theirs.pk]))

    assert page.status_code == 403
    with pytest.raises(NotPermitted):
        record_leaver(actor=actor_for(manager), staff=theirs, left_at=timezone.now())
    record_leaver(actor=actor_for(theirs), staff=theirs, left_at=timezone.now())


def test_session_that_ends_while_a_note_is_saved_is_no_fault(client_for, carer, resident):
    def write_and_end(**values):
        write_daily_note(**values)
        Session.objects.filter(staff=carer).delete()

    when = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
    with patch("records.views.services.write_daily_note", write_and_end):
        response = client_for(carer).post(
            reverse("records:daily_note_new", args=[resident.pk]),
            {"body": "Slept well.", "kind": "general", "occurred_at": when},
        )

    assert response.status_code == 302
    assert settings.SESSION_COOKIE_NAME not in response.cookies


def test_last_administrator_cannot_leave(administrator, manager, actor_for):
    from access.errors import LastAdministrator

    with pytest.raises(LastAdministrator):
        record_leaver(actor=actor_for(manager), staff=administrator, left_at=timezone.now())


def test_changed_password_ends_other_sessions(client_for, carer):
    client = client_for(carer)
    carer.set_password("another long password")
    carer.save()

    assert client.get(reverse("records:resident_list")).status_code == 303


def test_signed_in_pages_are_never_stored(client_for, carer, resident):
    response = client_for(carer).get(reverse("records:resident", args=[resident.pk]))

    assert response["Cache-Control"] == "no-store"
    assert "'none'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]


def test_csrf_failure_gives_the_typed_text_back(world, carer, resident):
    from tests.doors import client_of

    client = client_of(carer, enforce_csrf_checks=True)

    response = client.post(
        reverse("records:daily_note_new", args=[resident.pk]), {"body": "Typed with care.", "password": "secret"}
    )

    page = response.content.decode()
    assert response.status_code == 403
    assert "Typed with care." in page
    assert "secret" not in page


def test_people_page_offers_leaving_only_where_the_manager_answers(
    world, client_for, manager, carer, django_assert_max_num_queries
):
    elsewhere = world.person("carer", home=world.second_home)
    client, url = client_for(manager), reverse("access:people")
    client.get(url)

    with django_assert_max_num_queries(10) as few:
        page = client.get(url).content.decode()
    for number in range(6):
        world.person("nurse", name=f"Nurse{number}")
    with django_assert_max_num_queries(len(few.captured_queries)):
        client.get(url)

    assert reverse("access:leaver", args=[carer.pk]) in page
    assert reverse("access:leaver", args=[elsewhere.pk]) not in page
    assert "Carer, Rosebank Lodge" in page
