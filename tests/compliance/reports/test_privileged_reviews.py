"""Reviews of privileged activity: by somebody else than who acted, of a month that is over, of all of its acts."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from access.errors import NotPermitted
from audit.entries import open_details
from audit.models import Event
from compliance.errors import MonthNotOver, NothingToReview
from compliance.models import PrivilegedReview
from compliance.reports import privileged, reviews
from compliance.reports.reviews import Act, Review, State, standing
from compliance.reports.services import review_month
from compliance.reports.spans import LONDON, midnight, month_before

HOME, OTHER = uuid4(), uuid4()
ENDED = datetime(2026, 5, 31, 23, tzinfo=UTC)
AFTER = ENDED + timedelta(days=3)


def review(by="staff:r", at=AFTER, homes=(HOME, OTHER), acts=1):
    return Review("privileged_review:1", by, at, frozenset(homes), acts)


def state(acts, given, now=AFTER, homes=(HOME, OTHER)):
    return standing(acts, given, homes=set(homes), ended_at=ENDED, now=now).state


ONE = [Act("staff:a", HOME)]
BOTH = [Act("staff:a", HOME), Act("staff:r", HOME)]


@pytest.mark.parametrize(
    ("acts", "given", "now", "expected"),
    [
        ([], [], AFTER, State.NOTHING),
        (ONE, [], ENDED - timedelta(seconds=1), State.RUNNING),
        (ONE, [], ENDED, State.WAITING),
        (ONE, [], ENDED + reviews.WITHIN - timedelta(seconds=1), State.WAITING),
        (ONE, [], ENDED + reviews.WITHIN, State.OVERDUE),
        (ONE, [review()], AFTER, State.REVIEWED),
        (ONE, [review(by="staff:a")], AFTER, State.WAITING),  # one's own acts
        (ONE, [review(at=ENDED - timedelta(seconds=1))], AFTER, State.WAITING),  # before the month was over
        (ONE, [review(acts=2)], AFTER, State.WAITING),  # an act is missing now
        ([*ONE, *ONE], [review(acts=1)], AFTER, State.WAITING),  # an act was added
        (ONE, [review(homes=[OTHER], acts=0)], AFTER, State.WAITING),  # did not see that home
        ([Act("staff:a", None)], [review(homes=[])], AFTER, State.REVIEWED),
        ([Act("staff:a", HOME), Act("staff:r", HOME)], [review(acts=2)], AFTER, State.WAITING),
        (
            [Act("staff:a", HOME), Act("staff:r", HOME)],
            [review(acts=2), review("staff:a", acts=2)],
            AFTER,
            State.REVIEWED,
        ),
        ([Act("system:backups", None)], [review()], AFTER, State.REVIEWED),
    ],
)
def test_month_counts_as_reviewed_only_when_somebody_else_saw_every_act(acts, given, now, expected):
    assert state(acts, given, now) is expected


def test_review_of_two_homes_still_counts_for_somebody_who_sees_one():
    acts = [Act("staff:a", HOME), Act("staff:b", OTHER)]

    assert state(acts, [review(acts=2)], homes=[HOME]) is State.REVIEWED


@pytest.fixture
def last_month():
    return month_before(timezone.localdate())


@pytest.fixture
def role_given(entry, administrator, home, last_month):
    return entry(
        "access.role.given", by=administrator.ref, home=home, at=midnight(last_month) + timedelta(days=9), role="nurse"
    )


def test_review_month_keeps_who_looked_at_how_many_and_seals_it(manager, actor_for, role_given, last_month, settle):
    row = review_month(actor=actor_for(manager), month=last_month, remark=" Asked about it. ")
    settle()

    event = Event.objects.get(action="compliance.privileged_activity.reviewed")
    assert (row.reviewed_by, row.acts, row.remark) == (manager.ref, 1, "Asked about it.")
    assert (event.subject, event.actor) == (row.ref, manager.ref)
    assert open_details(event)["month"] == f"{last_month:%Y-%m}"


def test_review_month_makes_the_month_reviewed(manager, actor_for, role_given, last_month, scope):
    before = privileged.month_standing(scope, last_month, timezone.now()).state
    review_month(actor=actor_for(manager), month=last_month)

    assert before in {State.WAITING, State.OVERDUE}
    assert privileged.month_standing(scope, last_month, timezone.now()).state is State.REVIEWED


def test_review_month_refuses_a_month_that_is_not_over(manager, actor_for):
    with pytest.raises(MonthNotOver):
        review_month(actor=actor_for(manager), month=timezone.localdate().replace(day=1))


def test_review_month_refuses_to_review_nothing_but_ones_own(administrator, actor_for, role_given, last_month):
    with pytest.raises(NothingToReview):
        review_month(actor=actor_for(administrator), month=last_month)
    with pytest.raises(NothingToReview):
        review_month(actor=actor_for(administrator), month=date(2025, 1, 1))


@pytest.mark.parametrize("role", ["carer", "nurse", "inspector", "kitchen"])
def test_review_month_is_for_those_who_answer_for_the_home(world, actor_for, role_given, last_month, role):
    with pytest.raises(NotPermitted):
        review_month(actor=actor_for(world.person(role)), month=last_month)


def test_review_month_of_one_home_does_not_count_for_another(world, entry, actor_for, administrator, last_month, scope):
    for home in (world.home, world.second_home):
        entry("access.role.given", by=administrator.ref, home=home, at=midnight(last_month) + timedelta(days=2))

    review_month(actor=actor_for(world.person("registered_manager")), month=last_month)

    found = privileged.month_standing(scope, last_month, timezone.now())
    assert (found.acts, found.open) == (2, 1)


def test_an_act_that_turns_up_later_makes_the_review_count_no_more(
    manager, actor_for, role_given, entry, administrator, last_month, scope
):
    review_month(actor=actor_for(manager), month=last_month)
    entry("access.staff.added", by=administrator.ref, at=midnight(last_month) + timedelta(days=10))

    found = privileged.month_standing(scope, last_month, timezone.now())

    assert (found.state in {State.WAITING, State.OVERDUE}, found.changed) == (True, True)


@pytest.mark.parametrize(
    "statement", ["UPDATE compliance_privileged_review SET acts = 0", "DELETE FROM compliance_privileged_review"]
)
def test_review_can_neither_be_changed_nor_deleted(manager, actor_for, role_given, last_month, statement):
    review_month(actor=actor_for(manager), month=last_month)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert PrivilegedReview.objects.count() == 1


def test_review_cannot_be_committed_without_a_ledger_entry(organisation, settle):
    PrivilegedReview.objects.create(
        organisation_id=organisation.pk, month=date(2026, 5, 1), care_homes=[], acts=1, remark="",
        reviewed_by="staff:x", reviewed_at=timezone.now(),
    )  # fmt: skip

    with pytest.raises(DatabaseError):
        settle()


def words(response):
    return " ".join(response.content.decode().split())


def test_review_page_is_looked_at_and_signed(client_for, manager, role_given, last_month):
    desk, address = client_for(manager), reverse("compliance:report_review", args=[f"{last_month:%Y-%m}"])
    page = words(desk.get(address))
    answer = desk.post(address, {"remark": "<b>Night cover</b>"}, follow=True)

    assert "Role given: nurse" in page
    assert "is recorded." in words(answer)
    assert "&lt;b&gt;Night cover&lt;/b&gt;" in words(answer)
    assert manager.display_name in words(answer)


def test_review_page_of_ones_own_acts_says_who_has_to(client_for, administrator, role_given, last_month):
    address = reverse("compliance:report_review", args=[f"{last_month:%Y-%m}"])

    assert "Somebody else has to look at them." in words(client_for(administrator).post(address, follow=True))


@pytest.mark.parametrize("month", ["2026-13", "x", "2026-1-1"])
def test_review_page_of_no_month_is_404(client_for, manager, month):
    assert client_for(manager).get(f"/data-security/reports/privileged/review/{month}/").status_code == 404


def test_month_of_an_act_is_the_month_in_london(entry, scope):
    entry("access.role.given", at=datetime(2026, 6, 30, 23, 0, tzinfo=UTC))

    found = privileged.acts(scope, datetime(2026, 6, 1, tzinfo=LONDON), datetime(2026, 8, 1, tzinfo=LONDON))

    assert [privileged.month_of(row) for row in found] == [date(2026, 7, 1)]
