"""The explorer's pages through the test client: what they find, what they say, what they refuse, what they cost."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import audit.services
from access.actors import Actor
from access.key_purposes import Purpose
from access.services import add_care_home, make_data_key
from audit.models import Event, EventKind, OpenView, Verification
from audit.services import close_views
from compliance.anomalies.services import scan_views
from compliance.ledger import queries
from compliance.ledger.filters import Filters
from compliance.ledger.standing import standing
from records.services import correct_daily_note, write_daily_note
from tests.database import as_admin

LEDGER = "compliance:ledger"


@pytest.fixture
def desk(client_for, manager):
    return client_for(manager)


@pytest.fixture
def office(client_for, world, administrator):
    """Somebody who may read the log in every home."""
    from access.roles import Role
    from access.services import give_role

    give_role(actor=world.system, staff=administrator, care_home=world.second_home, role=Role.ADMINISTRATOR)
    return client_for(administrator)


@pytest.fixture
def sealed(organisation, settle):
    """Entries by hand, sealed at once."""

    def append(action="records.resident.viewed", **values):
        event = audit.services.append(
            **{"organisation_id": organisation.pk, "actor": "system:test", "action": action,
               "subject": f"organisation:{organisation.pk}"} | values
        )  # fmt: skip
        settle()
        return event

    return append


@pytest.fixture
def note(carer, resident, actor_for, settle):
    made = write_daily_note(actor=actor_for(carer), resident=resident, body="Slept.", occurred_at=timezone.now())
    settle()
    return made


def words(response):
    return " ".join(response.content.decode().split())


def shown(response):
    """The ids of the entries on the page, open views apart."""
    return [line.id for line in response.context["rows"] if line.state != "waiting"]


def entry_of(ref):
    return Event.objects.get(subject=ref, kind="change")


def test_list_says_who_did_what_to_whom(desk, note):
    page = words(desk.get(reverse(LEDGER)))

    assert "Carer Example wrote a daily note about Ada Brown at" in page
    assert "Rosebank House" in page
    assert "Carer</span>" in page


def test_list_shows_a_view_that_is_still_open_on_top_and_sealed_later(desk, client_for, carer, resident, organisation):
    client_for(carer).get(reverse("records:resident", args=[resident.pk]))
    client_for(carer).get(reverse("records:resident", args=[resident.pk]))

    before = desk.get(reverse(LEDGER))
    close_views(organisation.pk, everything=True)
    after = desk.get(reverse(LEDGER))

    first = before.context["rows"][0]
    assert first.state == "waiting"
    assert first.sentence.text.startswith("Carer Example opened Ada Brown's record at")
    assert first.sentence.text.endswith(", 2 times")
    assert "Waiting to be sealed" in words(before)
    assert [line.sentence.times for line in after.context["rows"] if line.id == first.id] == [", 2 times"]


def test_list_tells_sealed_from_signed(desk, note, organisation):
    number = {line.number for line in desk.get(reverse(LEDGER)).context["rows"] if line.state == "sealed"}

    audit.services.sign_checkpoint(organisation.pk)

    assert number
    assert {line.state for line in desk.get(reverse(LEDGER)).context["rows"] if line.number in number} == {"signed"}


@pytest.mark.django_db(transaction=True)
def test_list_names_an_entry_that_was_never_sealed(desk, organisation, manager, home):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, care_home_id, commitment)"
            " VALUES (gen_random_uuid(), %s, now(), 'act', %s, 'made.up', 'x:y', %s, sha256('x'))",
            [organisation.pk, manager.ref, home.pk],
        )

    page = desk.get(reverse(LEDGER))

    assert "did something this version does not know: made.up" in words(page)
    assert [line.state for line in page.context["rows"] if "made.up" in line.sentence.text] == ["missing"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("resident={resident}", {"note"}),
        ("person={carer}", {"note", "lock"}),
        ("person=system", set()),
        ("did=wrote", {"note"}),
        ("did=signed", {"lock"}),
        ("did=took", set()),
        ("kind=change", {"note"}),
        ("kind=view", set()),
        ("home={home}", {"note"}),
        ("device={device}", set()),
        ("since={today}&until={today}", {"note", "lock"}),
        ("until={yesterday}", set()),
        ("period=yesterday", set()),
        ("resident={resident}&person={carer}&did=wrote&kind=change&home={home}&period=all", {"note"}),
        ("resident={resident}&did=signed", set()),
        ("hour={hour}", {"note", "lock"}),
        ("hour={other_hour}", set()),
    ],
)
def test_filters_narrow_to_what_they_say(desk, sealed, note, carer, resident, home, query, found):
    lock = sealed("access.session.locked", actor=carer.ref)
    mine = {"note": entry_of(note.ref).pk, "lock": lock}
    now = timezone.localtime()
    values = {
        "resident": resident.pk, "carer": carer.pk, "home": home.pk, "device": uuid4(),
        "today": now.date(), "yesterday": now.date() - timedelta(days=1), "hour": now.hour,
        "other_hour": (now.hour + 12) % 24,
    }  # fmt: skip

    entries = shown(desk.get(f"{reverse(LEDGER)}?{query.format(**values)}"))

    assert {name for name, pk in mine.items() if pk in entries} == found


def test_entry_number_finds_the_one_entry(desk, note):
    line = next(line for line in desk.get(reverse(LEDGER)).context["rows"] if line.id == entry_of(note.ref).pk)

    assert shown(desk.get(reverse(LEDGER), {"number": line.number})) == [line.id]
    assert shown(desk.get(reverse(LEDGER), {"number": 999_999})) == []


def test_alert_leads_to_the_views_it_is_about(desk, sealed, carer, organisation, home, nurse):
    opened = []
    for who, count in ((carer, 15), (nurse, 2)):
        for _ in range(count):
            resident = uuid4()
            make_data_key(
                actor_ref="system:test", organisation_id=organisation.pk, purpose=Purpose.RESIDENT, subject_id=resident
            )
            opened.append(
                sealed(actor=who.ref, subject=f"resident:{resident}", residents=[resident], care_home_id=home.pk,
                       kind=EventKind.VIEW)
            )  # fmt: skip
    alert = scan_views(actor=Actor.system(organisation.pk, "anomalies"))[0]

    link = desk.get(reverse("compliance:alert", args=[alert.pk])).content.decode()
    page = desk.get(reverse(LEDGER), {"alert": alert.pk})

    assert f"{reverse(LEDGER)}?alert={alert.pk}" in link
    assert set(shown(page)) == set(opened[:15])
    assert "a resident no longer on record" in words(page)


def test_unknown_alert_is_not_found(desk, world):
    assert desk.get(reverse(LEDGER), {"alert": uuid4()}).status_code == 404


def test_chip_takes_one_filter_away_and_no_address_carries_a_name(desk, note, resident, carer):
    page = desk.get(reverse(LEDGER), {"resident": resident.pk, "person": carer.pk, "kind": "change"})

    assert ("About Ada Brown", f"?person={carer.pk}&kind=change") in page.context["chips"]
    addresses = [part.split('"')[0] for part in page.content.decode().split('href="')[1:]]
    assert not [url for url in addresses if "Brown" in url or "Ada" in url or "Example" in url]


def test_part_of_an_address_that_means_nothing_is_told(desk, world):
    assert "not understood and is left out: resident." in words(desk.get(reverse(LEDGER), {"resident": "Ada Brown"}))


def test_empty_list_says_what_will_appear(desk, world):
    page = words(desk.get(reverse(LEDGER), {"did": "took", "period": "yesterday"}))

    assert "Nothing fits this choice" in page
    assert "Take all filters away" in page


def test_pages_go_back_and_forth_without_losing_or_doubling(desk, sealed, home, monkeypatch):
    monkeypatch.setattr(queries.Search.page, "__kwdefaults__", {"size": 4, "budget": queries.BUDGET})
    made = [sealed("backups.backup.made", care_home_id=home.pk) for _ in range(10)]

    seen, url, pages = [], reverse(LEDGER) + "?did=system", []
    while url:
        page = desk.get(url)
        seen += shown(page)
        pages.append((url, shown(page), page.context["newer"]))
        url = reverse(LEDGER) + page.context["older"] if page.context["older"] else ""

    assert seen == made[::-1]
    assert len(pages) == 3
    back = desk.get(reverse(LEDGER) + pages[2][2])
    assert shown(back) == pages[1][1]
    again = desk.get(reverse(LEDGER) + back.context["newer"])
    assert shown(again) == pages[0][1]
    assert again.context["newer"] == ""


def test_search_that_runs_out_of_time_says_how_far_it_looked_and_goes_on(organisation, world, settle):
    now = timezone.now()
    with time_machine.travel(now - timedelta(days=20), tick=False):
        old = audit.services.append(
            organisation_id=organisation.pk, actor="system:test", action="backups.drill.run", subject="x:y"
        )
    settle()
    scope = queries.Scope(organisation.pk, frozenset({world.home.pk}), whole=True)
    search = queries.Search(scope, Filters(did="system"), now=now)

    first = search.page(budget=timedelta(0))
    second = search.page(first.older)

    assert first.entries == []
    assert timedelta(days=6) < now - first.looked_back_to < timedelta(days=8)
    assert [entry.pk for entry in second.entries] == [old]
    assert second.looked_back_to is None


def test_scope_shows_a_manager_their_homes_and_their_peoples_own_acts(desk, office, sealed, world, carer):
    stranger = world.person("carer", home=world.second_home)
    here = sealed("records.daily_note.written", actor=carer.ref, care_home_id=world.home.pk)
    there = sealed("records.daily_note.written", actor=stranger.ref, care_home_id=world.second_home.pk)
    ours = sealed("access.session.locked", actor=carer.ref)
    theirs = sealed("access.session.locked", actor=stranger.ref)
    systems = sealed("backups.backup.made", actor="system:backups")

    entries = set(shown(desk.get(reverse(LEDGER))))

    assert {here, ours} <= entries
    assert not {there, theirs, systems} & entries
    assert {here, there, ours, theirs, systems} <= set(shown(office.get(reverse(LEDGER))))
    for event, status in ((here, 200), (ours, 200), (there, 404), (theirs, 404), (systems, 404)):
        assert desk.get(reverse("compliance:ledger_entry", args=[event])).status_code == status
    assert desk.get(reverse(LEDGER), {"home": world.second_home.pk}).status_code == 404


def test_list_costs_the_same_however_many_entries(desk, sealed, world, resident, carer):
    def many(count):
        for _ in range(count):
            sealed(actor=carer.ref, residents=[resident.pk], care_home_id=world.home.pk, kind="view")

    url = reverse(LEDGER) + "?period=7"  # one stretch of time: how many are looked through depends on the clock
    many(2)
    desk.get(url)
    with CaptureQueriesContext(connection) as few:
        desk.get(url)
    many(30)

    with CaptureQueriesContext(connection) as more:
        desk.get(url)

    assert len(more) == len(few) <= 23  # one of them for the menu's count of questions


def test_entry_costs_a_fixed_number_of_queries(desk, note, django_assert_max_num_queries):
    url = reverse("compliance:ledger_entry", args=[entry_of(note.ref).pk])
    desk.get(url)

    with django_assert_max_num_queries(20):
        desk.get(url)


def test_timeline_groups_by_day(desk, note, resident):
    page = desk.get(reverse("compliance:ledger_timeline"), {"resident": resident.pk})

    assert [day.date() for day, _rows in page.context["days"]] == [timezone.now().date()]
    assert "wrote a daily note about Ada Brown" in words(page)


def test_hours_count_and_each_number_leads_to_its_entries(desk, sealed, carer, home):
    for _ in range(3):
        sealed("records.daily_note.written", actor=carer.ref, care_home_id=home.pk)

    page = desk.get(reverse("compliance:ledger_hours"), {"person": carer.pk, "did": "wrote"})
    cells = [(cell.count, url) for row in page.context["grid"] for cell, url in row["cells"] if cell.count]

    assert [count for count, _url in cells] == [3]
    assert len(shown(desk.get(cells[0][1]))) == 3


def test_standing_is_green_only_when_the_log_was_found_whole_lately(desk, organisation, world, settle):
    assert "The log has not been checked yet." in words(desk.get(reverse(LEDGER)))

    settle()
    run = audit.services.verify_ledger(organisation_id=organisation.pk, actor="system:test")

    page = desk.get(reverse(LEDGER))
    assert "Log unbroken, checked" in words(page)
    assert page.context["standing"].good
    later = standing(organisation.pk, run.finished_at + timedelta(hours=2))
    assert later.state == "stale"
    assert "The checks have stopped since" in later.words


def test_standing_says_plainly_that_the_log_is_broken(desk, organisation, world):
    now = timezone.now()
    Verification.objects.create(
        organisation_id=organisation.pk, mode="full", started_at=now, finished_at=now, ok=False, entries=9, head_seq=7,
        head_digest=bytes(32), first_bad_seq=8, break_kind="altered",
    )  # fmt: skip

    page = words(desk.get(reverse(LEDGER)))

    assert "The log does not hold: entry 8 is the first that is wrong (altered)." in page
    assert "app-is-red" in page


def test_choosing_finds_by_a_posted_name_and_gives_an_id(desk, world, resident, carer):
    people = desk.post(reverse("compliance:ledger_choose", args=["person"]) + "?kind=view", {"words": "carer"})
    residents = desk.post(reverse("compliance:ledger_choose", args=["resident"]), {"words": "brow"})
    nobody = desk.post(reverse("compliance:ledger_choose", args=["resident"]), {"words": "zzzz"})

    assert f"{reverse(LEDGER)}?person={carer.pk}&amp;kind=view" in people.content.decode()
    assert f"{reverse(LEDGER)}?resident={resident.pk}" in residents.content.decode()
    assert "Nobody found" in words(nobody)


def test_choosing_seals_that_somebody_was_looked_for_and_not_the_words(desk, world, resident, manager):
    for words_typed in ("Brow", "brow ", "hollis"):
        desk.post(reverse("compliance:ledger_choose", args=["resident"]), {"words": words_typed})

    searches = OpenView.objects.filter(action="compliance.ledger.searched").order_by("opened_at")
    assert [(view.actor, view.count, view.extra["found"]) for view in searches] == [
        (manager.ref, 2, 1), (manager.ref, 1, 0),
    ]  # fmt: skip
    assert "brow" not in str([vars(view) for view in searches]).casefold()


def test_choosing_offers_nobody_of_another_home(desk, world, resident):
    stranger = world.person("carer", home=world.second_home, name="Elsewhere")
    far = world.admit(care_home=world.second_home, first_name="Iris", last_name="Hall")

    assert str(stranger.pk) not in desk.get(reverse("compliance:ledger_choose", args=["person"])).content.decode()
    assert str(far.pk) not in desk.get(reverse("compliance:ledger_choose", args=["resident"])).content.decode()


def test_checks_page_says_how_and_what_was_found(desk, organisation, world, settle):
    settle()
    audit.services.verify_ledger(organisation_id=organisation.pk, actor="system:test")

    page = words(desk.get(reverse("compliance:ledger_checks")))

    assert "The whole log" in page
    assert "A file that is only added to" in page
    assert "Unbroken" in page


# --- one entry ------------------------------------------------------------------------------------------------------
def test_entry_shows_what_was_sealed_and_is_itself_sealed_as_a_view(desk, note, resident, manager, organisation):
    event = entry_of(note.ref)
    url = reverse("compliance:ledger_entry", args=[event.pk])

    page = words(desk.get(url))
    desk.get(url)

    assert "Carer Example wrote a daily note about Ada Brown" in page
    assert event.action in page
    view = OpenView.objects.get(action="compliance.ledger.viewed")
    assert (view.actor, view.subject, view.residents, view.count) == (
        manager.ref, f"entry:{event.pk}", [resident.pk], 2,
    )  # fmt: skip
    assert not OpenView.objects.filter(action="records.resident.viewed", page="compliance:ledger_entry").exists()


def test_entry_of_a_list_names_everybody_on_it(desk, sealed, world, carer, home):
    residents = [world.admit(first_name=name, room=name) for name in ("Iris", "Mabel", "Olwen", "Ruth")]
    event = sealed(
        "records.resident_list.viewed", actor=carer.ref, subject=home.ref, care_home_id=home.pk, kind="view",
        residents=[*(resident.pk for resident in residents), uuid4()],
    )  # fmt: skip

    page = words(desk.get(reverse("compliance:ledger_entry", args=[event])))

    assert "opened a list of 5 residents" in page
    for name in ("Iris Brown", "Mabel Brown", "Olwen Brown", "Ruth Brown", "a resident no longer on record"):
        assert f"<bdi>{name}</bdi>" in page


def test_verify_follows_the_entry_to_a_signed_checkpoint(desk, note, organisation):
    url = reverse("compliance:ledger_entry_verify", args=[entry_of(note.ref).pk])

    before = desk.post(url)
    audit.services.sign_checkpoint(organisation.pk)
    after = desk.post(url)

    assert "No checkpoint has been signed over it yet" in words(before)
    assert "Yes: everything that can be recomputed holds." in words(after)
    assert after.context["proof"].whole


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        ("UPDATE audit_event SET action = 'records.resident.viewed' WHERE id = %(id)s", "it was altered"),
        ("UPDATE audit_event SET detail = detail || '\\x00' WHERE id = %(id)s", "not the ones that were sealed"),
        ("UPDATE audit_seal SET digest = leaf WHERE event_id = %(id)s", "does not follow from the entry before"),
        ("DELETE FROM audit_seal WHERE event_id = %(id)s", "has no seal"),
        ("UPDATE audit_checkpoint SET note = replace(note, '=', 'A=')", "signature of the checkpoint"),
    ],
)
def test_verify_finds_what_was_tampered_with(desk, note, organisation, tampering, said):
    event = entry_of(note.ref)
    audit.services.sign_checkpoint(organisation.pk)
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(tampering, {"id": event.pk})

    page = desk.post(reverse("compliance:ledger_entry_verify", args=[event.pk]))

    assert page.context["proof"].broken
    assert said in words(page)


def test_before_and_after_are_for_those_who_may_read_the_record(
    desk, office, client_for, world, sealed, resident, carer, home
):
    event = sealed(
        "records.resident.changed", actor=carer.ref, subject=resident.ref, residents=[resident.pk],
        care_home_id=home.pk, kind="change",
        detail={"fields": ["room", "nhs_number"], "changes": {"room": ["4", "12"], "nhs_number": ["9992047186", "1"]}},
    )  # fmt: skip
    url = reverse("compliance:ledger_entry", args=[event])

    manager, administrator = words(desk.get(url)), words(office.get(url))

    assert "<bdi>4</bdi>" in manager
    assert "9992047186" in manager
    assert "<bdi>12</bdi>" in administrator
    assert "9992047186" not in administrator
    assert "You may not see this field" in administrator


def test_content_of_a_note_is_kept_from_who_may_not_read_notes(office, desk, sealed, resident, carer, home):
    event = sealed(
        "records.daily_note.changed", actor=carer.ref, subject=f"daily_note:{uuid4()}", residents=[resident.pk],
        care_home_id=home.pk, kind="change", detail={"changes": {"body": ["Slept well.", "Slept badly."]}},
    )  # fmt: skip
    url = reverse("compliance:ledger_entry", args=[event])

    assert "Slept badly." in words(desk.get(url))
    page = words(office.get(url))
    assert "Slept badly." not in page
    assert "You may not see the content of this change." in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ordered", [True, False])
def test_erased_entry_holds_only_where_its_erasure_was_sealed(desk, note, organisation, ordered):
    event = entry_of(note.ref)
    if ordered:
        audit.services.append(
            organisation_id=organisation.pk,
            actor="staff:a",
            action="records.resident.erased",
            subject=f"resident:{event.residents[0]}",
        )
    audit.services.sign_checkpoint(organisation.pk)
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE audit_event SET salt = NULL, detail = NULL WHERE id = %s", [event.pk])

    page = desk.post(reverse("compliance:ledger_entry_verify", args=[event.pk]))

    assert "The details of this entry were erased." in words(page)
    assert page.context["proof"].whole is ordered


def test_correction_shows_its_words(desk, note, carer, actor_for, settle):
    corrected = correct_daily_note(actor=actor_for(carer), note=note, body="Woke twice.", reason="Wrong resident")
    settle()

    assert "corrected a daily note about Ada Brown" in words(desk.get(reverse(LEDGER)))
    assert entry_of(corrected.ref)


def test_menu_leads_managers_to_the_audit_log_and_nobody_else(desk, client_for, carer, world):
    assert "Audit log" in words(desk.get(reverse("compliance:dashboard")))
    assert "Audit log" not in words(client_for(carer).get(reverse("records:resident_list")))


def test_another_home_of_the_organisation_does_not_widen_what_a_manager_sees(desk, world, sealed):
    third = add_care_home(actor=world.system, name="Rosebank Court", code="rosebank-court")
    event = sealed("records.daily_note.written", care_home_id=third.pk)

    assert event not in shown(desk.get(reverse(LEDGER)))
