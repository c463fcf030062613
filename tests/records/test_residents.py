"""Admitting and importing residents."""

import pytest
from django.urls import reverse

from access.errors import NotPermitted
from audit.models import Event
from audit.reading import collecting
from carehome.environment import ROOT
from records import queries, services
from records.errors import ImportRefused
from records.models import Resident

SAMPLE = (ROOT / "records" / "sample" / "residents.csv").read_bytes()


def test_import_residents_takes_all_forty_of_the_sample(world, actor_for, settle):
    actor = actor_for(world.person("administrator"))

    count = services.import_residents(actor=actor, care_home=world.home, content=SAMPLE)
    settle()

    assert count == Resident.objects.count() == 40
    assert Event.objects.filter(action="records.resident.admitted").count() == 40
    assert Event.objects.filter(action="records.resident_list.imported").count() == 1


def test_import_residents_keeps_nothing_when_one_row_is_wrong(world, actor_for):
    actor = actor_for(world.person("administrator"))
    bad = SAMPLE + b"Mr,,Nobody,,1930-01-01,male,,1,,none known,,\n"

    with pytest.raises(ImportRefused) as refused:
        services.import_residents(actor=actor, care_home=world.home, content=bad)

    assert [(p.line, p.column) for p in refused.value.problems] == [(42, "first_name")]
    assert not Resident.objects.exists()


def test_import_residents_refuses_a_number_that_is_here_already(world, actor_for):
    actor = actor_for(world.person("administrator"))
    services.import_residents(actor=actor, care_home=world.home, content=SAMPLE)

    with pytest.raises(ImportRefused) as refused:
        services.import_residents(actor=actor, care_home=world.home, content=SAMPLE)

    assert len(refused.value.problems) == 40
    assert Resident.objects.count() == 40


@pytest.mark.parametrize("role", ["carer", "nurse", "kitchen", "inspector", "agency_carer"])
def test_import_residents_is_refused_to_those_who_may_not(world, actor_for, role):
    with pytest.raises(NotPermitted):
        services.import_residents(actor=actor_for(world.person(role)), care_home=world.home, content=SAMPLE)


def test_import_page_lists_problems_and_takes_a_good_file(world, client_for):
    from django.core.files.uploadedfile import SimpleUploadedFile

    client, url = client_for(world.person("administrator")), reverse("records:resident_import")

    bad = client.post(url, {"care_home": world.home.pk, "file": SimpleUploadedFile("r.csv", SAMPLE[:-5] + b"\x00")})
    good = client.post(url, {"care_home": world.home.pk, "file": SimpleUploadedFile("r.csv", SAMPLE)})

    assert (bad.status_code, good.status_code) == (422, 302)
    assert "Save it as CSV UTF-8" in bad.content.decode()
    assert Resident.objects.count() == 40


def test_resident_list_takes_any_search(client_for, carer, resident):
    for query in ("\x00", "Br\x00", "%ud800", "a" * 5000):
        assert client_for(carer).get(reverse("records:resident_list"), {"q": query}).status_code == 200


def test_matching_finds_by_beginnings_of_names_and_by_room(world, actor_for, carer):
    world.admit()
    iris = world.admit(first_name="Iris", last_name="Brown-Hall", preferred_name="", room="5")
    actor = actor_for(carer)

    def found(words):
        return [r.first_name for r in queries.matching(queries.residents(actor), actor, words)]

    assert found("bro") == ["Ada", "Iris"]
    assert found("iris hal") == ["Iris"]
    assert found("addie") == ["Ada"]
    assert found("5") == ["Iris"]
    assert found("b") == []
    assert found("nobody") == []
    assert iris.room == "5"


def test_resident_list_costs_the_same_queries_for_any_number(world, client_for, carer, django_assert_max_num_queries):
    world.admit()
    client, url = client_for(carer), reverse("records:resident_list")
    client.get(url)

    with django_assert_max_num_queries(12) as few:
        client.get(url)
    for number in range(10):
        world.admit(room=str(10 + number), first_name=f"N{number}")
    with django_assert_max_num_queries(len(few.captured_queries)):
        response = client.get(url)

    assert response.content.decode().count("app-res__name") == 11


def test_kitchen_sees_allergies_and_diet_but_no_identifiers_and_no_notes(world, client_for, kitchen, carer, actor_for):
    from django.utils import timezone

    ada = world.admit(nhs_number="9434765919", care_flags=["diet_5"], about_me="I was a nurse.")
    services.write_daily_note(actor=actor_for(carer), resident=ada, body="Cried at night.", occurred_at=timezone.now())
    client = client_for(kitchen)

    page = client.get(reverse("records:resident", args=[ada.pk])).content.decode()
    listed = client.get(reverse("records:resident_list")).content.decode()
    api = client.get(reverse("api:resident", args=[ada.pk])).json()

    assert "Penicillin" in page
    assert "Minced and moist" in page
    for secret in ("943 476 5919", "1938", "I was a nurse", "Cried", "Female"):
        assert secret not in page
    assert "note today" not in listed
    assert (api["nhs_number"], api["born_on"], api["gender"]) == (None, None, None)


def test_reading_a_record_outside_a_door_raises(world, resident):
    from audit.errors import UnwatchedRead
    from audit.reading import _reading

    token = _reading.set(None)
    try:
        with pytest.raises(UnwatchedRead):
            list(Resident.objects.all())
    finally:
        _reading.reset(token)


@pytest.mark.parametrize(
    "slip",
    [
        lambda: Resident.objects.values("room"),
        lambda: Resident.objects.values_list("room"),
        lambda: Resident.objects.aggregate(),
        lambda: Resident.objects.iterator(),
        lambda: Resident.objects.raw("SELECT 1"),
        lambda: Resident.objects.update(room="1"),
        lambda: Resident.objects.bulk_create([]),
        lambda: Resident.objects.all().delete(),
    ],
)
def test_bulk_access_to_records_raises(world, resident, slip):
    from audit.errors import UnwatchedRead

    with collecting(), pytest.raises(UnwatchedRead):
        slip()
