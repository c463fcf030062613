"""The link for a family: what opens it, what never does, and what it shows."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import audit.services
from access.models import DataKey
from audit.models import Event, OpenView
from compliance.access_reports import links
from compliance.access_reports.services import answer_question, choose_names, share_report, withdraw_share
from compliance.errors import LinkShownAlready
from compliance.models import AccessQuestion, AccessReportShare
from records.errors import BadText
from tests.compliance.access_reports.test_report_pages import words
from tests.doors import client_of


def address(token, code="rosebank"):
    return reverse("my_record:report", args=[code, token])


@pytest.fixture
def family(shared):
    """A browser in which the right code was typed, and the page's address."""
    _share, token, secret = shared
    browser = Client()
    assert browser.post(address(token), {"code": secret}).status_code == 303
    return browser, address(token)


def test_link_shows_nothing_of_the_resident_before_the_code(shared, resident, snoop):
    _share, token, _secret = shared

    response = Client().get(address(token))

    assert response.status_code == 200
    assert "Enter your code" in words(response)
    for name in (b"Ada", b"Brown", b"Jane", b"Jo Example"):
        assert name not in response.content


def test_link_with_its_code_shows_who_looked_without_an_account(family, snoop):
    browser, page = family

    text = words(browser.get(page))

    assert "Who looked at the record of Ada Brown" in text
    assert "For Jane Brown." in text
    assert "Jo Example, Carer opened the daily notes." in text


def test_code_may_be_typed_as_it_was_spoken(shared):
    _share, token, secret = shared

    assert Client().post(address(token), {"code": f" {links.spoken(secret).lower()} "}).status_code == 303


def test_opening_sets_one_cookie_for_this_address_alone(shared):
    _share, token, secret = shared
    browser = Client()

    assert browser.get(address(token)).cookies == {}
    response = browser.post(address(token), {"code": secret})

    [cookie] = response.cookies.values()
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (address(token), True, "Lax")
    assert cookie["max-age"] == 3600
    assert browser.get(address(token)).cookies == {}


def test_pages_keep_their_address_to_themselves(family, shared):
    browser, page = family
    for response in (browser.get(page), Client().get(page), Client().get(address("x" * 32))):
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["Cache-Control"] == "no-store"
        assert "default-src 'none'" in response["Content-Security-Policy"]
        assert "noindex" in response["X-Robots-Tag"]


def test_link_and_code_stand_nowhere_in_clear(shared, caplog):
    share, token, secret = shared
    with caplog.at_level("INFO"):
        Client().post(address(token), {"code": secret})

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(s)::text FROM compliance_access_report_share s")
        row = cursor.fetchone()[0]
    for text in (token, secret, "Jane", "Daughter"):
        assert text not in row
        assert text.encode().hex() not in row
    assert token not in "".join(
        str(record.msg.get("path", "")) for record in caplog.records if isinstance(record.msg, dict)
    )
    assert bytes(share.link_digest) != token.encode()


def test_five_wrong_codes_close_the_link_for_good(world, shared):
    share, token, secret = shared
    answers = [Client().post(address(token), {"code": "AAAA AAAA"}).status_code for _try in range(6)]

    assert answers == [422, 422, 422, 422, 403, 404]
    assert Client().post(address(token), {"code": secret}).status_code == 404
    actions = Event.objects.filter(subject=share.ref).order_by("at").values_list("action", "actor")
    refused = ("compliance.access_report.code_refused", share.ref)
    assert list(actions)[1:] == [refused] * 5 + [("compliance.access_report.link_blocked", share.ref)]


def test_right_code_begins_the_count_anew(shared):
    _share, token, secret = shared
    for _round in range(3):
        for _try in range(4):
            Client().post(address(token), {"code": "wrong"})
        assert Client().post(address(token), {"code": secret}).status_code == 303


def test_withdrawn_link_opens_nothing_not_even_for_who_was_in(actor_for, manager, family, shared):
    browser, page = family
    withdraw_share(actor=actor_for(manager), share=shared[0])

    response = browser.get(page)

    assert response.status_code == 404
    assert b"Ada" not in response.content


def test_every_dead_link_gets_the_same_answer(world, actor_for, manager, resident, shared):
    """Unknown, withdrawn, tampered with, of an unknown organisation: no difference to be seen."""
    share, token, _secret = shared
    withdraw_share(actor=actor_for(manager), share=share)
    tampered = token[:-1] + ("A" if token[-1] != "A" else "B")
    addresses = [
        address(token),
        address(tampered),
        address("x" * 32),
        address("short"),
        address("ü" * 32),
        address(token, "nobody"),
    ]

    answers = [Client().get(each) for each in addresses]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert {Client().post(each, {"code": "AAAA"}).content for each in addresses} == {answers[0].content}


def test_link_under_another_organisations_code_is_unknown(shared):
    _share, token, _secret = shared

    assert Client().get(address(token, "elmtree")).status_code == 404


def test_cookie_of_one_link_opens_no_other(world, actor_for, manager, resident, family):
    browser, _page = family
    iris = world.admit(first_name="Iris", last_name="Hall", room="5")
    _other, token, _code = share_report(
        actor=actor_for(manager), resident=iris, receiver="Tom Hall", relation="Son", basis="resident_asked"
    )
    [cookie] = browser.cookies.values()
    thief = Client()
    thief.cookies.load({cookie.key: cookie.value})

    response = thief.get(address(token))

    assert "Enter your code" in words(response)
    assert b"Hall" not in response.content


def test_forged_cookie_opens_nothing(shared, family):
    browser, page = family
    [cookie] = browser.cookies.values()
    for value in ("", "x", cookie.value[:-1], cookie.value.replace(":", ".")):
        thief = Client()
        thief.cookies.load({cookie.key: value})
        assert b"Ada" not in thief.get(page).content


def test_code_is_asked_again_after_an_hour(family):
    import time_machine

    browser, page = family
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        response = browser.get(page)

    assert "Enter your code" in words(response)


def test_expired_link_tells_only_the_holder_of_the_code_whom_to_ask(world, shared):
    share, token, secret = shared
    _age(share)

    before, wrong = Client().get(address(token)), Client().post(address(token), {"code": "AAAA AAAA"})
    right = Client().post(address(token), {"code": secret})

    assert "Enter your code" in words(before)
    assert wrong.status_code == 422
    assert right.status_code == 410
    assert "Ask the manager of Rosebank House for a new link." in words(right)
    assert b"Brown" not in right.content


def _age(share):

    AccessReportShare.objects.filter(pk=share.pk).update(
        made_at=timezone.now() - timedelta(days=20), expires_at=timezone.now() - timedelta(days=6)
    )
    audit.services.append(
        organisation_id=share.organisation_id, actor="system:test", action="test.share.aged", subject=share.ref
    )


def test_link_of_an_erased_resident_is_unknown(family, shared, resident):
    from access import keys

    browser, page = family
    DataKey.objects.filter(subject_id=resident.pk).update(wrapped=None, destroyed_at=timezone.now())
    keys.forget()

    assert browser.get(page).status_code == 404
    assert Client().get(page).content == browser.get(page).content


def test_every_opening_is_sealed_in_the_links_name(family, shared, resident):
    browser, page = family
    browser.get(page)

    share = shared[0]
    assert Event.objects.filter(action="compliance.access_report.opened", actor=share.ref).count() == 1  # the code
    view = OpenView.objects.get(actor=share.ref)
    assert (view.subject, view.residents, view.page) == (share.ref, [resident.pk], "my_record:report")


def test_visit_stands_in_the_managers_report(client_for, manager, family, resident):
    browser, page = family
    browser.get(page)

    text = words(client_for(manager).get(reverse("compliance:access_report", args=[resident.pk])))

    assert "Jane Brown (Daughter) opened this report through a link" in text
    assert "gave somebody a link to this report" in text


def test_visitor_sees_of_other_holders_only_that_there_is_one(actor_for, manager, resident, family):
    _share, token, secret = share_report(
        actor=actor_for(manager), resident=resident, receiver="Tom Brown", relation="Son", basis="resident_asked"
    )
    other = Client()
    other.post(address(token), {"code": secret})
    browser, page = family

    response = browser.get(page)

    assert b"Tom" not in response.content
    assert "Somebody else with a link from the home" in words(response)


def test_report_begins_where_the_link_says(world, actor_for, manager, carer, resident, monkeypatch):
    now = timezone.now()
    monkeypatch.setattr("audit.services.timezone.now", lambda: now - timedelta(days=20))
    audit.services.append(
        organisation_id=world.organisation.pk,
        actor=carer.ref,
        action="records.resident.exported",
        subject=resident.ref,
        residents=[resident.pk],
    )
    monkeypatch.undo()
    _share, token, secret = share_report(
        actor=actor_for(manager),
        resident=resident,
        receiver="Jane Brown",
        relation="Daughter",
        basis="resident_asked",
        since=now - timedelta(days=7),
    )
    browser = Client()
    browser.post(address(token), {"code": secret})
    old = Event.objects.get(action="records.resident.exported")

    assert "printed or exported" not in words(browser.get(address(token) + "?period=all"))
    ask = browser.get(reverse("my_record:ask", args=["rosebank", token, old.pk]))
    assert ask.status_code == 303  # back to the page: it is not theirs to ask about


@pytest.mark.parametrize(
    ("names", "shown"), [("first", "Jo, Carer opened the daily notes"), ("job", "Carer opened the daily notes")]
)
def test_organisation_decides_how_staff_are_named_outside(
    actor_for, manager, client_for, resident, snoop, family, names, shown
):
    choose_names(actor=actor_for(manager), names=names)
    browser, page = family

    text = words(browser.get(page))

    assert shown in text
    assert "Jo Example" not in text
    assert ("Jo, " in text) == (names == "first")
    assert "Jo Example, Carer" in words(
        client_for(manager).get(reverse("compliance:access_report", args=[resident.pk]))
    )


def test_signed_in_staff_stay_who_they_are(client_for, manager, shared, resident):
    """The page neither uses nor ends the session of a browser in which somebody works."""
    _share, token, _secret = shared
    client = client_for(manager)

    assert b"Ada" not in client.get(address(token)).content
    assert client.get(address(token, "elmtree")).status_code == 404
    assert client.get(reverse("records:resident", args=[resident.pk])).status_code == 200


# --- asking ----------------------------------------------------------------------------------------------------------
def test_ask_why_reaches_the_manager_and_the_answer_comes_back(actor_for, manager, client_for, snoop, family, resident):
    browser, page = family
    url, token = _ask_about(browser, page, "Jo Example opened the daily notes")
    sent = browser.post(url, {"form_token": token, "words": "She does not work on Mum’s floor."})
    assert sent.status_code == 303

    text = words(browser.get(page))
    assert "Your questions" in text
    assert "Answer by" in text
    question = AccessQuestion.objects.get()
    assert question.staff_ref == snoop.ref
    desk = client_for(manager)
    assert "She does not work on Mum’s floor." in words(
        desk.get(reverse("compliance:access_question", args=[question.pk]))
    )

    answer_question(actor=actor_for(manager), question=question, outcome="explained", words="Jo helped out that day.")

    text = words(browser.get(page))
    assert "Jo helped out that day." in text
    assert "Worked as carer at Rosebank House at that time." in text


def _ask_about(browser, page, line):
    content = browser.get(page).content.decode()
    for url, rest in re.findall(r'href="([^"]+/ask/[^"]+)">([^/]*)', content):
        if line in re.sub(r"<[^>]+>", "", rest):
            form = browser.get(url).content.decode()
            return url, re.search(r'name="form_token" value="([0-9a-f]+)"', form)[1]
    raise AssertionError(content)


def test_question_sent_twice_is_one_question(snoop, family):
    browser, page = family
    url, token = _ask_about(browser, page, "Jo Example")

    answers = [browser.post(url, {"form_token": token}).status_code for _again in range(2)]

    assert answers == [303, 303]
    assert AccessQuestion.objects.count() == 1


@pytest.mark.parametrize("forged", ["", "0" * 64, "ü"])
def test_question_from_another_sites_form_is_refused(snoop, family, forged):
    browser, page = family
    url, _token = _ask_about(browser, page, "Jo Example")

    assert browser.post(url, {"form_token": forged}).status_code == 403
    assert not AccessQuestion.objects.exists()


@pytest.mark.parametrize(
    "text", ["a" * 10_000, "Why\u202ethen", "nul\x00byte", "bell\x07"], ids=["long", "bidi", "nul", "bell"]
)
def test_question_with_bad_words_is_given_back(snoop, family, text):
    browser, page = family
    url, token = _ask_about(browser, page, "Jo Example")

    response = browser.post(url, {"form_token": token, "words": text})

    assert response.status_code == 422
    assert not AccessQuestion.objects.exists()


def test_question_keeps_lines_and_markup_as_text(snoop, family):
    browser, page = family
    url, token = _ask_about(browser, page, "Jo Example")

    browser.post(url, {"form_token": token, "words": "Line one\r\nLine <b>two</b>"})

    assert AccessQuestion.objects.get().words == "Line one\nLine <b>two</b>"
    assert b"<b>two" not in browser.get(page).content


def test_nobody_asks_about_another_residents_entry(world, carer, family):
    iris = world.admit(first_name="Iris", last_name="Hall", room="5")
    client_of(carer).get(reverse("records:resident", args=[iris.pk]))
    theirs = OpenView.objects.get(residents=[iris.pk])
    browser, page = family
    url = f"{page}ask/{theirs.pk}/"

    assert browser.get(url).status_code == 303
    assert browser.get(f"{page}ask/{uuid4()}/").status_code == 303
    assert not AccessQuestion.objects.exists()


def test_asking_without_the_code_leads_to_the_code(shared, snoop):
    _share, token, _secret = shared
    entry = OpenView.objects.get(actor=snoop.ref)

    response = Client().get(reverse("my_record:ask", args=["rosebank", token, entry.pk]))

    assert (response.status_code, response["Location"]) == (303, address(token))


def test_question_asked_while_the_view_was_open_finds_its_line_when_sealed(world, snoop, family):
    browser, page = family
    url, token = _ask_about(browser, page, "Jo Example")
    browser.post(url, {"form_token": token})
    audit.services.close_views(world.organisation.pk, everything=True)

    text = words(browser.get(page))

    assert "Asked. Answer by" in text


def test_next_link_for_the_same_person_shows_the_earlier_questions(actor_for, manager, resident, snoop, family, shared):
    browser, page = family
    url, token = _ask_about(browser, page, "Jo Example")
    browser.post(url, {"form_token": token, "words": "Why was she in there?"})
    values = {"resident": resident, "receiver": "Jane Brown", "relation": "Daughter", "basis": "resident_asked"}
    _next, link, secret = share_report(actor=actor_for(manager), follows=shared[0], **values)
    _other, strange, strange_secret = share_report(actor=actor_for(manager), **values)

    def sees(token, code):
        other = Client()
        other.post(address(token), {"code": code})
        return "Why was she in there?" in words(other.get(address(token)))

    assert sees(link, secret)
    assert not sees(strange, strange_secret)


def test_close_forgets_the_code_in_this_browser(family):
    browser, page = family
    token = re.search(r'name="form_token" value="([0-9a-f]+)"', browser.get(page).content.decode())[1]

    browser.post(f"{page}close/", {"form_token": token})

    assert "Enter your code" in words(browser.get(page))


# --- making links ----------------------------------------------------------------------------------------------------
FORM = {
    "receiver": "Jane Brown",
    "relation": "Daughter",
    "basis": "welfare_attorney",
    "period": "365",
    "runs_for": "14",
    "seen": "on",
}


def test_link_and_code_are_shown_once(client_for, manager, resident):
    client, url = client_for(manager), reverse("compliance:access_report_share_new", args=[resident.pk])
    form = FORM | {"share_id": str(uuid4())}

    made = client.post(url, form)
    again = client.post(url, form)

    page = re.search(r"http://testserver(/my-record/rosebank/[A-Za-z0-9_-]{32}/)", made.content.decode())[1]
    secret = re.search(r'app-code app-num">([^<]+)<', made.content.decode())[1]
    assert Client().post(page, {"code": secret}).status_code == 303
    assert again.status_code == 302
    assert AccessReportShare.objects.count() == 1
    listed = client.get(reverse("compliance:access_report_shares", args=[resident.pk]))
    assert "Jane Brown, Daughter" in words(listed)
    assert secret not in words(listed)
    assert page.encode() not in listed.content


@pytest.mark.parametrize(
    "wrong",
    [
        {"receiver": ""},
        {"receiver": "Jane\nBrown"},
        {"receiver": "Jane\u202eBrown"},
        {"receiver": "J" * 10_000},
        {"relation": ""},
        {"basis": "curiosity"},
        {"basis": "other"},
        {"runs_for": "91"},
        {"runs_for": "0"},
        {"period": "9999"},
        {"seen": ""},
        {"share_id": "x"},
    ],
)
def test_link_with_something_wrong_is_not_made(client_for, manager, resident, wrong):
    url = reverse("compliance:access_report_share_new", args=[resident.pk])

    response = client_for(manager).post(url, FORM | {"share_id": str(uuid4())} | wrong)

    assert response.status_code == 422
    assert not AccessReportShare.objects.exists()


def test_share_report_holds_to_its_own_rules(actor_for, manager, resident):
    from compliance.errors import ExpiryOutOfRange, ReasonMissing

    values = {"actor": actor_for(manager), "resident": resident, "receiver": "J", "relation": "D"}
    with pytest.raises(ExpiryOutOfRange):
        share_report(**values, basis="resident_asked", runs_for=timedelta(days=91))
    with pytest.raises(ReasonMissing):
        share_report(**values, basis="other")
    with pytest.raises(BadText):
        share_report(**values | {"receiver": "a\nb"}, basis="resident_asked")
    same = uuid4()
    share_report(**values, basis="resident_asked", share_id=same)
    with pytest.raises(LinkShownAlready):
        share_report(**values, basis="resident_asked", share_id=same)


def test_share_and_withdrawal_are_sealed_without_names(actor_for, manager, shared):
    share = shared[0]
    withdraw_share(actor=actor_for(manager), share=share)

    actions = Event.objects.filter(subject=share.ref).order_by("at").values_list("action", flat=True)
    assert list(actions) == ["compliance.access_report.shared", "compliance.access_report.withdrawn"]
