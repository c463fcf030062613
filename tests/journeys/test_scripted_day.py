"""A scripted day: thousands of reads and writes by several people on several tablets, each in the ledger once.

Real requests through the whole middleware, the API with a token, and tasks as the worker runs them, with a clock that
moves on. What each act must leave in the ledger is said here, not asked of the code. Nothing that was written, typed,
signed in with or planted by an outsider may be found in the audit tables, in clear or in an opened detail.
"""

import base64
import json
import os
import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access import tasks
from access.actors import Actor
from access.middleware import DEVICE_COOKIE
from access.services import enrol_device, make_token
from audit.entries import open_details
from audit.models import Event
from audit.open_views import close_views
from audit.reading import collecting
from audit.verification import verify_organisation
from records.models import DailyNote
from tests.database import as_admin

pytestmark = pytest.mark.django_db(transaction=True)

ACTS = int(os.environ.get("CAREHOME_DAY_ACTS", "1500"))
SEED = int(os.environ.get("CAREHOME_SEED", "3"))
PASSWORD, PIN = "correct horse battery", "246810"  # of tests/conftest.py's people
MORNING = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
TABLES = ("audit_event", "audit_seal", "audit_head", "audit_mention", "audit_checkpoint", "audit_verification",
          "audit_open_view")  # fmt: skip
VIEWED, LISTED = "records.resident.viewed", "records.resident_list.viewed"
_IDLE = timedelta(seconds=60)


class Person:
    def __init__(self, name, staff, home, device=None, secret=""):
        self.name, self.staff, self.home, self.device = name, staff, home, device
        self.client, self.last, self.agent = Client(), MORNING, f"Planted{name}Agent\r\n\u202e".replace("\r\n", "")
        if secret:
            self.client.cookies[DEVICE_COOKIE] = secret

    @property
    def ref(self):
        return self.staff.ref

    @property
    def device_ref(self):
        return self.device.ref if self.device else None


class Day:
    def __init__(self, world, clock):
        self.world, self.clock, self.draw = world, clock, random.Random(SEED)
        self.acts, self.views = Counter(), Counter()
        self.secrets = {PASSWORD, "wrong password 77"}
        self.numbers = {PIN}
        self.notes = {}
        self._arrange()
        self.start = Event.objects.count()

    def _arrange(self):
        world = self.world
        administrators = {home.pk: world.person("administrator", home=home) for home in (world.home, world.second_home)}
        own, second = world.home, world.second_home
        tablets = {}
        for name, home in (("Oak", own), ("Ash", own), ("Elm", second)):
            by = Actor.of(administrators[home.pk])
            tablets[name] = enrol_device(actor=by, name=f"{name} tablet", care_home=home)
            self.secrets.add(tablets[name][1])
        self.residents = {own.pk: [], second.pk: []}
        for n in range(10):
            home = own if n % 2 else second
            first, last = f"Quillona{n:02}", f"Zebworth{n:02}"
            allergy, about = f"Allergyplanted{n:02}", f"Aboutplanted{n:02} likes tea"
            self.secrets |= {first, last, allergy, about}
            number = _nhs_number(987654300 + n)
            self.numbers.add(number)
            made = world.admit(care_home=home, first_name=first, last_name=last, preferred_name="", room=str(n),
                               nhs_number=number, allergies=allergy, about_me=about)  # fmt: skip
            self.residents[home.pk].append(made)
        self.people = [
            Person("Jo", world.person("carer"), own, *tablets["Oak"]),
            Person("Sam", world.person("carer", name="Sam"), own, *tablets["Oak"]),
            Person("Nia", world.person("nurse"), own, *tablets["Ash"]),
            Person("Pat", world.person("senior_carer"), own, *tablets["Ash"]),
            Person("Lee", world.person("carer", home=second), second, *tablets["Elm"]),
            Person("Kim", world.person("registered_manager", home=second), second),
        ]
        self.cook = Person("Cook", world.person("kitchen"), own, *tablets["Ash"])
        self.people.append(self.cook)
        self.program, self.token = make_token(
            actor=world.system, staff=self.people[2].staff, name="handover", expires_at=MORNING + timedelta(days=300)
        )
        self.secrets.add(self.token)
        self.secrets.add(self.token.rsplit(".", 1)[1])

    # --- what a person does -------------------------------------------------------------------------------------------
    def run(self, acts):
        for person in self.people:
            self.sign_in(person)
        kinds = [self.open_resident, self.open_resident, self.open_notes, self.open_notes, self.open_list,
                 self.open_form, self.write_note, self.write_note, self.write_badly, self.correct, self.api_read,
                 self.api_read, self.api_write, self.search, self.poll, self.poll]  # fmt: skip
        rare = [self.lock_and_unlock, self.refused, self.sign_in_wrongly, self.run_tasks, self.sign_out_and_in]
        unseen = (self.poll, self.api_read, self.api_write, self.sign_in_wrongly, self.run_tasks)
        while acts > 0:
            self.clock.shift(self.draw.choice([0.2, 0.7, 1.5, 3.0]))
            waiting = [person for person in self.people if timezone.now() - person.last > _IDLE]
            person = waiting[0] if waiting else self.draw.choice(self.people)
            act = self.draw.choice(rare) if self.draw.random() < 0.04 else self.draw.choice(kinds)
            if person is self.cook and act not in (self.open_resident, self.open_list, self.refused):
                act = self.open_resident
            if waiting and act in unseen:  # a screen that only polls would lock
                act = self.open_resident
            act(person)
            if act not in unseen:
                person.last = timezone.now()
            acts -= 1

    def ask(self, person, method, name, *args, status=200, **more):
        headers = {"HTTP_USER_AGENT": person.agent} | more.pop("headers", {})
        answer = getattr(person.client, method)(reverse(name, args=args), **more, **headers)
        assert answer.status_code == status, (name, person.name, answer.status_code, answer.content[:300])
        key = person.client.cookies.get(settings.SESSION_COOKIE_NAME)
        if key and key.value:
            self.secrets.add(key.value)
        return answer

    def act(self, person, action, kind="act"):
        self.acts[kind, action, person.ref, person.device_ref] += 1

    def view(self, person, page, resident, device=True):
        subject = resident.ref if resident else person.home.ref
        action = VIEWED if resident else LISTED
        where = person.device_ref if device else self.program.ref
        self.views[action, person.ref, where, subject, page, person.home.pk] += 1

    def resident_of(self, person):
        return self.draw.choice(self.residents[person.home.pk])

    def sign_in(self, person):
        self.ask(person, "post", "access:organisation", status=302, data={"code": "rosebank"})
        form = {"email": person.staff.email, "password": PASSWORD}
        self.ask(person, "post", "access:sign_in", status=302, data=form)
        self.act(person, "access.session.signed_in")
        person.last = timezone.now()

    def sign_out_and_in(self, person):
        self.ask(person, "post", "access:sign_out", status=302)
        self.act(person, "access.session.signed_out")
        self.sign_in(person)

    def sign_in_wrongly(self, person):
        visitor = Client()
        planted = f"plantedmail{self.draw.randrange(10**6)}"
        self.secrets.add(planted)
        visitor.post(reverse("access:organisation"), {"code": "rosebank"})
        answer = visitor.post(
            reverse("access:sign_in"), {"email": f"{planted}@x.example", "password": "wrong password 77"}
        )
        assert answer.status_code == 422
        self.acts["act", "access.session.sign_in_failed", "visitor:unknown", None] += 1

    def lock_and_unlock(self, person):
        self.ask(person, "post", "access:lock_now", status=302)
        self.act(person, "access.session.locked")
        word = {"pin": PIN} if person.device else {"password": PASSWORD}
        if person.device and self.draw.random() < 0.3:
            self.ask(person, "post", "access:lock", status=422, data={"pin": "135791"})
            self.act(person, "access.session.unlock_failed")
        self.ask(person, "post", "access:lock", status=302, data=word)
        self.act(person, "access.session.unlocked")

    def open_resident(self, person):
        resident = self.resident_of(person)
        answer = self.ask(person, "get", "records:resident", resident.pk)
        assert resident.first_name in answer.content.decode()
        self.view(person, "records:resident", resident)

    def open_notes(self, person):
        resident = self.resident_of(person)
        self.ask(person, "get", "records:daily_notes", resident.pk, data={"page": "1", "planted": "PlantedQuery"})
        self.view(person, "records:daily_notes", resident)

    def open_list(self, person):
        self.ask(person, "get", "records:resident_list")
        self.view(person, "records:resident_list", None)

    def search(self, person):
        words = f"Plantedwords{self.draw.randrange(10**6)}"
        self.secrets.add(words)
        answer = self.ask(person, "get", "records:resident_list", data={"q": words})
        assert "Quillona" not in answer.content.decode()

    def open_form(self, person):
        resident = self.resident_of(person)
        self.ask(person, "get", "records:daily_note_new", resident.pk)
        self.view(person, "records:daily_note_new", resident)

    def write_note(self, person):
        resident, body = self.resident_of(person), self._body()
        form = {"body": body, "kind": "general", "occurred_at": timezone.localtime().strftime("%Y-%m-%dT%H:%M")}
        self.ask(person, "post", "records:daily_note_new", resident.pk, status=302, data=form)
        self.act(person, "records.daily_note.written", "change")
        self._remember(resident, body)

    def write_badly(self, person):
        resident = self.resident_of(person)
        self.ask(person, "post", "records:daily_note_new", resident.pk, status=422, data={"body": self._body()})
        self.view(person, "records:daily_note_new", resident)

    def correct(self, person):
        mine = [note for note in self.notes.values() if note["home"] == person.home.pk and not note["corrected"]]
        able = [note for note in mine if note["by"] == person.ref or person.name in ("Nia", "Pat", "Kim")]
        if not able:
            return self.open_notes(person)
        note, body, reason = self.draw.choice(able), self._body(), f"Reasonplanted{self.draw.randrange(10**6)}"
        self.secrets.add(reason)
        self.ask(person, "get", "records:daily_note_correct", note["id"])
        self.view(person, "records:daily_note_correct", note["resident"])
        form = {"body": body, "reason": reason}
        self.ask(person, "post", "records:daily_note_correct", note["id"], status=302, data=form)
        self.act(person, "records.daily_note.corrected", "change")
        note["corrected"] = True
        return None

    def _body(self):
        body = f"Noteplanted{self.draw.randrange(10**9)} ate well and sang"
        self.secrets.add(body.split()[0])
        return body

    def _remember(self, resident, body):
        with collecting():
            found = DailyNote.objects.filter(resident=resident).order_by("-recorded_at", "-id")
            note = next(note for note in found[:5] if note.body == body)
        self.notes[note.pk] = {"id": note.pk, "resident": resident, "home": resident.care_home_id,
                               "by": note.written_by, "corrected": False}  # fmt: skip

    def refused(self, _person):
        """The kitchen may not read notes."""
        resident = self.resident_of(self.cook)
        self.ask(self.cook, "get", "records:daily_notes", resident.pk, status=403)
        self.act(self.cook, "access.permission.refused", "refusal")
        self.cook.last = timezone.now()

    def poll(self, person):
        """What the browser asks by itself leaves nothing."""
        self.ask(person, "get", "access:session_state", headers={"HTTP_X_BACKGROUND": "1"})

    def _program(self):
        return self.people[2], {"HTTP_AUTHORIZATION": f"Bearer {self.token}", "HTTP_USER_AGENT": "Plantedprogram"}

    def api_read(self, _person):
        nurse, headers = self._program()
        resident = self.resident_of(nurse)
        name = self.draw.choice(["api:resident", "api:notes", "api:residents"])
        answer = Client().get(reverse(name, args=[] if name == "api:residents" else [resident.pk]), **headers)
        assert answer.status_code == 200, answer.content
        self.view(nurse, name, None if name == "api:residents" else resident, device=False)

    def api_write(self, _person):
        nurse, headers = self._program()
        resident, body, key = self.resident_of(nurse), self._body(), f"Idemplanted{self.draw.randrange(10**9)}"
        self.secrets.add(key)
        content = json.dumps({"body": body, "occurred_at": timezone.now().isoformat()})
        for again in range(self.draw.choice([1, 1, 2])):
            answer = Client().post(
                reverse("api:notes", args=[resident.pk]),
                content,
                content_type="application/json",
                **headers,
                HTTP_IDEMPOTENCY_KEY=key,
            )
            assert answer.status_code == 201, answer.content
            if again:
                self.view(nurse, "api:notes", resident, device=False)
            else:
                self.acts["change", "records.daily_note.written", nurse.ref, self.program.ref] += 1

    def run_tasks(self, _person):
        organisation = str(self.world.organisation.pk)
        tasks.close_views(organisation)
        tasks.sign_checkpoint(organisation)
        if self.draw.random() < 0.2:
            tasks.verify_ledger(organisation, "full")
            self.acts["act", "audit.ledger.verified", "system:verify_ledger", None] += 1
        tasks.verify_ledger(organisation, "incremental")


def _nhs_number(nine):
    while True:
        digits = [int(digit) for digit in str(nine)]
        check = 11 - sum((10 - place) * digit for place, digit in enumerate(digits)) % 11
        if check != 10:
            return f"{nine}{0 if check == 11 else check}"
        nine += 100


@pytest.fixture
def day(world):
    with time_machine.travel(MORNING, tick=False) as clock:
        day = Day(world, clock)
        day.before = set(Event.objects.values_list("pk", flat=True))
        day.run(ACTS)
        close_views(world.organisation.pk, everything=True)
        yield day


def test_every_act_of_a_day_is_in_the_ledger_once_and_no_content_is(day, world):
    organisation = world.organisation.pk
    made = [event for event in Event.objects.filter(organisation_id=organisation) if event.pk not in day.before]
    details = {event.pk: open_details(event) for event in made}

    seen = Counter()
    for event in made:
        if event.action in (VIEWED, LISTED):
            page = details[event.pk]["page"]
            seen[event.action, event.actor, event.device, event.subject, page, event.care_home_id] += event.count
    acts = Counter((event.kind, event.action, event.actor, event.device) for event in made if event.kind != "view")
    assert seen - day.views == Counter()
    assert day.views - seen == Counter()
    assert acts - day.acts == Counter()
    assert day.acts - acts == Counter()

    written = [event.subject for event in made if event.action.startswith("records.daily_note.")]
    assert len(written) == len(set(written)) > 0
    homes = {resident.pk: resident.care_home_id for some in day.residents.values() for resident in some}
    assert all(homes[name] == event.care_home_id for event in made for name in event.residents)
    assert verify_organisation(organisation).ok

    told = [json.dumps(detail, ensure_ascii=False) for detail in details.values()]
    assert leaks(day, told) == []
    assert leaks(day, dump()) == []
    assert leaks(day, [f"x {next(iter(day.secrets))}"]) != []  # that the search finds what is there


def leaks(day, texts):
    """The planted words that are there: as they are, in hexadecimal (as bytea is printed) or in base64."""
    whole = "\n".join(texts)
    found = [secret for secret in day.secrets if any(form in whole for form in forms(secret))]
    words = ["Planted", "planted", "Quillona", "Zebworth"]
    found += [word for word in words if any(form in whole for form in forms(word))]
    numbers = set(re.findall(r"(?<![0-9A-Fa-f])[0-9]{6,10}(?![0-9A-Fa-f])", whole))
    return found + sorted(numbers & day.numbers)


def forms(text):
    raw = text.encode()
    return text, raw.hex(), base64.b64encode(raw).decode().rstrip("=")[:-1]


def dump():
    """Every column of every row of the audit tables, as a dump would have it."""
    connection.close()
    with as_admin() as admin, admin.cursor() as cursor:
        for table in TABLES:
            with cursor.copy(f"COPY (SELECT * FROM {table}) TO STDOUT") as rows:
                yield b"".join(bytes(row) for row in rows).decode()
