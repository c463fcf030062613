"""The data security pages through the test client: what they say, what they refuse, what they cost."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

import audit.services
from access.actors import Actor
from access.key_purposes import Purpose
from access.services import make_data_key
from audit.models import Event, EventKind, Verification
from backups.models import RestoreDrill
from compliance.anomalies.services import scan_views
from compliance.dspt import queries as dspt
from compliance.dspt.services import confirm_item
from compliance.models import Confirmation, Pack
from compliance.packs import verify
from compliance.packs.tasks import build_pack

PASSWORD = "correct horse battery"


@pytest.fixture
def desk(client_for, manager):
    return client_for(manager)


@pytest.fixture
def confirm(manager, actor_for):
    def sign(ref, statement="Checked."):
        return confirm_item(
            actor=actor_for(manager),
            edition=dspt.current_edition(),
            item_ref=ref,
            statement=statement,
            valid_until=timezone.localdate() + timedelta(days=90),
        )

    return sign


@pytest.fixture
def alert(organisation, carer, home):
    for _ in range(15):
        resident = uuid4()
        make_data_key(
            actor_ref="system:test", organisation_id=organisation.pk, purpose=Purpose.RESIDENT, subject_id=resident
        )
        audit.services.append(
            organisation_id=organisation.pk,
            actor=carer.ref,
            action="records.resident.viewed",
            subject=f"resident:{resident}",
            residents=[resident],
            care_home_id=home.pk,
            kind=EventKind.VIEW,
        )
    return scan_views(actor=Actor.system(organisation.pk, "anomalies"))[0]


def words(response):
    """What a person reads, with single spaces."""
    return " ".join(response.content.decode().split())


def test_dashboard_speaks_honestly_of_a_deadline_that_has_passed(desk):
    page = words(desk.get(reverse("compliance:dashboard")))

    since = (timezone.localdate() - dspt.current_edition().deadline).days
    assert f'<span class="app-big app-num">{since}</span>' in page
    assert "The next deadline is expected on 30 June 2027. No published page confirms this yet." in page


def test_dashboard_counts_only_what_a_person_confirmed(desk, confirm):
    confirm("1.1.1")

    page = words(desk.get(reverse("compliance:dashboard")))

    assert '<span class="app-big app-num">1</span>' in page
    assert "44 to go" in page
    assert "1 of 16" in page


def test_dashboard_says_that_all_is_confirmed_only_when_it_is(desk, confirm, organisation):
    ended = timezone.now()
    checks = dict.fromkeys(("restored", "counts_matched", "ledger_verified", "rls_probe_ok", "decrypted"), True)
    drill = RestoreDrill.objects.create(
        organisation_id=organisation.pk,
        run_id=uuid4(),
        started_at=ended,
        finished_at=ended,
        took=timedelta(minutes=11),
        **checks,
    )
    audit.services.append(organisation_id=organisation.pk, actor="system:test", action="t.t.t", subject=drill.ref)
    for item in dspt.current_edition().mandatory:
        confirm(item.ref)

    page = words(desk.get(reverse("compliance:dashboard")))

    assert "Nothing is open. Everything mandatory is confirmed." in page
    assert "to go" not in page


def test_dashboard_shows_what_the_system_collects(desk):
    page = words(desk.get(reverse("compliance:dashboard")))

    assert "Audit log unbroken" in page
    assert "The audit log has not been checked in full yet." in page
    assert "No backup has been restored in test in the last 12 months." in page
    assert "Nobody has left in the last 12 months" in page


def test_dashboard_says_that_the_audit_log_is_unbroken_when_it_is(desk, organisation, settle):
    settle()
    audit.services.sign_checkpoint(organisation.pk)
    run = audit.services.verify_ledger(organisation_id=organisation.pk, actor="system:test")

    page = words(desk.get(reverse("compliance:dashboard")))

    assert f"entries, checked {timezone.localtime(run.finished_at):%H:%M}, signed 0 seconds ago." in page


def test_dashboard_names_the_first_bad_entry_in_red(desk, organisation):
    now = timezone.now()
    Verification.objects.create(
        organisation_id=organisation.pk, mode="incremental", started_at=now, finished_at=now, ok=False, entries=9,
        head_seq=6, head_digest=bytes(32), first_bad_seq=7, break_kind="altered",
    )  # fmt: skip

    page = words(desk.get(reverse("compliance:dashboard")))

    assert 'app-is-red" role="alert"' in page
    assert "The audit log is broken at entry 7: altered." in page


def test_dashboard_does_not_call_an_old_check_good(desk, organisation, settle):
    settle()
    audit.services.sign_checkpoint(organisation.pk)
    then = timezone.now() - timedelta(minutes=31)
    Verification.objects.create(
        organisation_id=organisation.pk, mode="full", started_at=then, finished_at=then, ok=True, entries=3,
        head_seq=3, head_digest=bytes(32),
    )  # fmt: skip

    page = words(desk.get(reverse("compliance:dashboard")))

    assert "The last check of the audit log is more than 30 minutes old." in page
    assert "Audit log unbroken: " not in page


def test_dashboard_tells_of_an_alert_and_leads_to_it(desk, alert):
    page = words(desk.get(reverse("compliance:dashboard")))

    assert "1 alert about unusual access waits for a review." in page
    assert reverse("compliance:alert", args=[alert.pk]) in page


def test_dashboard_costs_the_same_however_much_is_confirmed(desk, confirm, django_assert_max_num_queries):
    confirm("1.1.1")
    desk.get(reverse("compliance:dashboard"))
    with django_assert_max_num_queries(49) as few:
        desk.get(reverse("compliance:dashboard"))
    for item in dspt.current_edition().mandatory:
        if item.collector is None:
            confirm(item.ref)

    with django_assert_max_num_queries(len(few) + 1):  # the names of those who confirmed
        desk.get(reverse("compliance:dashboard"))


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("", ["1.1.1", "10.2.1", "7.3.5"], ["1.1.6"]),
        ("?standard=7", ["7.3.5", "7.1.1"], ["1.1.1"]),
        ("?state=unknown", ["4.2.4"], ["7.3.5"]),
        ("?level=AS", ["1.1.1"], ["7.3.5"]),
        ("?level=OPT", ["1.1.6"], ["1.1.1"]),
        ("?standard=4&state=missing", ["4.3.1"], ["4.2.4", "1.1.1"]),
        ("?standard=99&state=purple", ["1.1.1"], []),
    ],
)
def test_items_are_narrowed_by_the_url(desk, query, shown, hidden):
    page = desk.get(reverse("compliance:items") + query).content.decode()

    links = [ref for ref in (*shown, *hidden) if reverse("compliance:item", args=[ref]) in page]
    assert links == shown


def test_items_says_when_there_are_none(desk):
    page = words(desk.get(reverse("compliance:items") + "?state=confirmed"))

    assert "No items like these." in page


def test_item_asks_in_plain_words_and_marks_what_is_not_verified(desk):
    page = words(desk.get(reverse("compliance:item", args=["7.3.5"])))

    assert "Confirm backups are regularly tested so that data can be restored." in page
    assert "could not be checked against an official list" in page


def test_item_is_confirmed_by_its_form(desk, manager):
    until = timezone.localdate() + timedelta(days=30)
    response = desk.post(
        reverse("compliance:item", args=["1.1.1"]), {"statement": "Z1234567", "valid_until": until.isoformat()}
    )

    assert response.status_code == 302
    row = Confirmation.objects.get()
    assert (row.statement, row.valid_until, row.confirmed_by) == ("Z1234567", until, manager.ref)
    assert "Z1234567" in words(desk.get(reverse("compliance:item", args=["1.1.1"])))


@pytest.mark.parametrize(
    ("ref", "sent", "told"),
    [
        ("1.1.1", {"statement": "", "valid_until": "2027-01-01"}, "Say in words what you checked"),
        ("1.1.1", {"statement": "Yes", "valid_until": "2020-01-01"}, "Enter a day after today"),
        ("1.1.1", {"statement": "Yes", "valid_until": "soon"}, "Enter a day, such as"),
        ("7.3.5", {"statement": "Yes", "valid_until": "2027-01-01"}, "The system sees something else."),
    ],
)
def test_item_keeps_what_was_typed_and_says_what_to_do(desk, ref, sent, told):
    response = desk.post(reverse("compliance:item", args=[ref]), sent)

    assert response.status_code == 422
    assert told in words(response)
    assert sent["statement"] in words(response)
    assert not Confirmation.objects.exists()


def test_item_shows_no_form_to_those_who_may_not_sign(client_for, administrator):
    desk = client_for(administrator)

    assert "<form" not in desk.get(reverse("compliance:item", args=["1.1.1"])).content.decode().split("<main")[1]
    refused = desk.post(reverse("compliance:item", args=["1.1.1"]), {"statement": "Yes", "valid_until": "2027-01-01"})
    assert refused.status_code == 403


def test_item_escapes_what_people_write(desk, confirm):
    confirm("1.1.1", statement="<script>alert(1)</script>")

    assert "<script>alert" not in desk.get(reverse("compliance:item", args=["1.1.1"])).content.decode()


@pytest.mark.parametrize("ref", ["9.9.9", "7.3", "abc"])
def test_item_that_is_not_in_the_edition_is_404(desk, ref):
    assert desk.get(f"/data-security/items/{ref}/").status_code == 404


def test_item_withdraw_takes_it_back_with_a_reason(desk, confirm):
    confirm("1.1.1")
    address = reverse("compliance:item_withdraw", args=["1.1.1"])

    assert desk.post(address, {"reason": ""}).status_code == 422
    assert desk.post(address, {"reason": "The number was wrong"}).status_code == 302

    page = words(desk.get(reverse("compliance:item", args=["1.1.1"])))
    assert "Withdrawn" in page
    assert "The number was wrong" in page


def test_item_withdraw_without_a_confirmation_says_so(desk):
    response = desk.post(reverse("compliance:item_withdraw", args=["1.1.1"]), {"reason": "Wrong"}, follow=True)

    assert "There is no confirmation to withdraw." in words(response)


def test_backups_shows_that_there_is_nothing_yet(desk):
    page = words(desk.get(reverse("compliance:backups")))

    assert "No backup has been made yet." in page
    assert "No restore drill has ended yet." in page


def test_backups_shows_a_drill_that_did_not_pass_and_why(desk, organisation):
    drill = RestoreDrill.objects.create(
        organisation_id=organisation.pk,
        run_id=uuid4(),
        started_at=timezone.now(),
        finished_at=timezone.now(),
        took=timedelta(minutes=11),
        detail="Rows: 3 are missing.",
    )
    audit.services.append(organisation_id=organisation.pk, actor="system:test", action="t.t.t", subject=drill.ref)

    page = words(desk.get(reverse("compliance:backups")))

    assert "Not passed" in page
    assert "Rows: 3 are missing." in page
    assert "11 minutes" in page


def ask(desk, reason="Inspector's visit", password=PASSWORD):
    return desk.post(reverse("compliance:pack_new"), {"reason": reason, "password": password})


def test_pack_is_asked_for_made_watched_and_taken(desk, organisation, manager, settle):
    settle()
    asked = ask(desk)
    pack = Pack.objects.get()
    waiting = words(desk.get(asked["Location"]))
    build_pack.apply((str(organisation.pk), str(pack.pk)), throw=True)
    progress = words(desk.get(reverse("compliance:pack_progress", args=[pack.pk]), headers={"X-Background": "1"}))
    taken = desk.post(reverse("compliance:pack_download", args=[pack.pk]))
    settle()

    assert asked["Location"] == reverse("compliance:pack", args=[pack.pk])
    assert 'hx-trigger="every 2s"' in waiting
    assert "hx-trigger" not in progress
    assert "Ready" in progress
    assert verify.check(taken.content).problems == []
    assert taken["Content-Disposition"].startswith('attachment; filename="rosebank-dspt-2025-26-')
    assert manager.display_name in words(desk.get(reverse("compliance:packs")))
    assert Event.objects.filter(action="compliance.pack.downloaded", actor=manager.ref).count() == 1


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"password": "wrong horse"}, "The password is not right."),
        ({"password": ""}, "Enter your password"),
        ({"reason": " "}, "Say why you need it"),
    ],
)
def test_pack_new_makes_nothing_without_reason_and_password(desk, sent, told):
    response = ask(desk, **sent)

    assert response.status_code == 422
    assert told in words(response)
    assert not Pack.objects.exists()


def test_pack_new_leads_to_the_one_that_is_being_made(desk):
    first, second = ask(desk), ask(desk)

    assert second["Location"] == first["Location"]
    assert Pack.objects.count() == 1


def test_pack_says_why_it_waits_when_no_task_takes_it_up(desk):
    ask(desk)
    Pack.objects.update(created_at=timezone.now() - timedelta(minutes=2))

    page = words(desk.get(reverse("compliance:pack", args=[Pack.objects.get().pk])))

    assert "The background work has not taken this up yet." in page


def test_pack_that_failed_says_why_in_plain_words(desk):
    ask(desk)
    Pack.objects.update(state="failed", failure="The signing key cannot be read on the server.")
    pack = Pack.objects.get()
    audit.services.append(organisation_id=pack.organisation_id, actor="system:test", action="t.t.t", subject=pack.ref)

    page = words(desk.get(reverse("compliance:pack", args=[pack.pk])))

    assert "The signing key cannot be read on the server." in page


def test_pack_download_before_it_is_ready_leads_back_with_a_reason(desk):
    ask(desk)

    response = desk.post(reverse("compliance:pack_download", args=[Pack.objects.get().pk]), follow=True)

    assert "The pack is not ready." in words(response)


def test_pack_download_is_not_a_get(desk):
    ask(desk)

    assert desk.get(reverse("compliance:pack_download", args=[Pack.objects.get().pk])).status_code == 405


def test_alerts_tells_what_was_seen_and_by_whom(desk, alert, carer):
    page = words(desk.get(reverse("compliance:alerts")))

    assert carer.display_name in page
    assert "Opened the records of 15 different residents" in page


def test_alert_is_reviewed_by_its_form(desk, alert):
    address = reverse("compliance:alert", args=[alert.pk])

    assert desk.post(address, {"verdict": "explained"}).status_code == 422
    assert desk.post(address, {"note": "Fire roll-call"}).status_code == 422
    assert desk.post(address, {"verdict": "explained", "note": "Fire roll-call"}).status_code == 302

    page = words(desk.get(address))
    assert "There was a good reason" in page
    assert "Fire roll-call" in page


def test_alert_reviewed_meanwhile_keeps_the_first_verdict(desk, alert):
    address = reverse("compliance:alert", args=[alert.pk])
    desk.post(address, {"verdict": "misuse", "note": "Admitted it"})

    response = desk.post(address, {"verdict": "explained", "note": "Changed my mind"}, follow=True)

    assert "Somebody else has reviewed this meanwhile." in words(response)
    alert.refresh_from_db()
    assert alert.verdict == "misuse"


PAGES = [
    ("compliance:dashboard", []),
    ("compliance:items", []),
    ("compliance:item", ["7.3.5"]),
    ("compliance:backups", []),
    ("compliance:packs", []),
    ("compliance:pack_new", []),
    ("compliance:alerts", []),
]
MAY = {
    "registered_manager": {name for name, _ in PAGES},
    "administrator": {name for name, _ in PAGES},
    "inspector": {"compliance:dashboard", "compliance:items", "compliance:item", "compliance:backups"},
    "carer": set(),
    "nurse": set(),
    "kitchen": set(),
}


@pytest.mark.parametrize("role", MAY)
def test_pages_open_to_the_roles_the_policy_names(client_for, world, role):
    desk = client_for(world.person(role))

    opened = {name for name, arguments in PAGES if desk.get(reverse(name, args=arguments)).status_code == 200}

    assert opened == MAY[role]


@pytest.mark.parametrize("name", ["compliance:pack", "compliance:pack_progress", "compliance:alert"])
def test_pages_of_unknown_rows_are_404(desk, name):
    assert desk.get(reverse(name, args=[uuid4()])).status_code == 404
