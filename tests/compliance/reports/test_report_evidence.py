"""The reports' collectors: no green on what is missing, stale, contradictory or half failed."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

import audit.services
from access.services import record_leaver
from audit.models import EventKind, Verification
from compliance.dspt.collectors import Period, Verdict
from compliance.dspt.evidence import leavers, ledger_verified
from compliance.reports import evidence
from compliance.reports.services import review_month
from compliance.reports.spans import midnight, month_before


@pytest.fixture
def year(organisation):
    organisation.created_at = timezone.now() - timedelta(days=400)
    return lambda: Period.year_before(timezone.now() + timedelta(seconds=5))


def broken(organisation, **values):
    now = timezone.now()
    return Verification.objects.create(
        organisation_id=organisation.pk,
        **{
            "mode": "full", "started_at": now, "finished_at": now, "ok": False, "entries": 1, "head_seq": 1,
            "head_digest": b"\0" * 32, "first_bad_seq": 2, "break_kind": "altered",
        }
        | values,
    )  # fmt: skip


@pytest.fixture
def month():
    return month_before(timezone.localdate())


@pytest.fixture
def good(entry, carer, manager, administrator, home, since_ever, month, actor_for, whole_ledger, resident, entry_of):
    """A ledger that gives every collector of the reports what it asks for."""
    since_ever(carer, manager, administrator)
    entry("access.role.given", by=administrator.ref, home=home, at=midnight(month) + timedelta(days=3))
    review_month(actor=actor_for(manager), month=month)
    entry_of()
    whole_ledger()


@pytest.fixture
def entry_of(entry, carer, manager, home):
    """What people did today."""

    def write():
        entry("records.resident.viewed", by=carer.ref, kind=EventKind.VIEW, home=home)
        entry("access.session.signed_in", by=carer.ref)
        entry("compliance.pack.downloaded", by=manager.ref)

    return write


LOOKS = {
    "access": evidence.access_matches_roles,
    "privileged": evidence.privileged_reviewed,
    "sign-ins": evidence.failed_sign_ins_watched,
    "exports": evidence.exports_accounted_for,
}


@pytest.mark.parametrize("name", LOOKS)
def test_collector_is_met_when_everything_is_there(organisation, year, good, name):
    finding = LOOKS[name](organisation, year())

    assert finding.verdict is Verdict.MET, finding.statement
    assert finding.sources


@pytest.mark.parametrize("name", LOOKS)
def test_collector_is_unknown_while_nothing_happened(world, year, name):
    world.open(world.other.pk)
    other = world.other
    other.created_at = timezone.now()

    assert LOOKS[name](other, year()).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize(
    "fault",
    [
        {},  # broken
        {"mode": "incremental"},
        {"ok": True, "first_bad_seq": None, "break_kind": "", "head_seq": 10**9},  # checked more than there is
        {"first_bad_seq": 0, "break_kind": "unknown_kind"},
        {"first_bad_seq": None, "break_kind": "", "bad_subject": f"daily_note:{uuid4()}"},
    ],
)
def test_collector_is_never_met_while_the_ledger_is_not_known_to_be_whole(organisation, year, good, name, fault):
    broken(organisation, **fault)

    finding = LOOKS[name](organisation, year())

    assert finding.verdict is Verdict.UNKNOWN
    assert "not known to be whole" in finding.statement


@pytest.mark.parametrize("name", LOOKS)
def test_collector_is_never_met_on_a_stale_check(organisation, year, good, name):
    later = timezone.now() + timedelta(hours=3)

    assert LOOKS[name](organisation, Period.year_before(later)).verdict is not Verdict.MET


def test_collector_is_not_met_before_the_ledger_was_ever_checked(
    organisation, year, entry_of, carer, manager, since_ever
):
    since_ever(carer, manager)
    entry_of()

    assert {look(organisation, year()).verdict for look in LOOKS.values()} <= {Verdict.UNKNOWN, Verdict.NOT_MET}


def test_access_is_not_met_when_somebody_without_a_role_got_in(
    organisation, year, good, entry, carer, world, whole_ledger
):
    entry("records.resident.viewed", by=carer.ref, kind=EventKind.VIEW, home=world.second_home)
    whole_ledger()

    finding = evidence.access_matches_roles(organisation, year())

    assert finding.verdict is Verdict.NOT_MET
    assert "1 act of" in finding.statement


def test_privileged_is_not_met_by_a_month_that_is_overdue(organisation, year, good, entry, administrator, home, month):
    earlier = month_before(month_before(month))
    entry("access.role.given", by=administrator.ref, home=home, at=midnight(earlier) + timedelta(days=3))

    finding = evidence.privileged_reviewed(organisation, year())

    assert finding.verdict is Verdict.NOT_MET
    assert "overdue" in finding.statement


def test_privileged_is_not_met_by_a_review_of_ones_own_acts(
    organisation, year, entry, administrator, manager, home, actor_for, whole_ledger
):
    month = month_before(month_before(timezone.localdate()))
    for who in (administrator, manager):
        entry("access.role.given", by=who.ref, home=home, at=midnight(month) + timedelta(days=3))
    review_month(actor=actor_for(manager), month=month)
    whole_ledger()

    assert evidence.privileged_reviewed(organisation, year()).verdict is Verdict.NOT_MET


def test_privileged_is_unknown_in_an_organisations_first_month(organisation, good):
    organisation.created_at = timezone.now()

    assert evidence.privileged_reviewed(organisation, Period.year_before(timezone.now())).verdict is Verdict.UNKNOWN


def test_sign_ins_is_not_met_when_one_worked_after_many_failures(organisation, year, good, entry, carer, whole_ledger):
    for _ in range(5):
        entry("access.session.unlock_failed", by=carer.ref)
    entry("access.session.unlocked", by=carer.ref)
    whole_ledger()

    assert evidence.failed_sign_ins_watched(organisation, year()).verdict is Verdict.NOT_MET


@pytest.mark.parametrize(
    ("failures", "apart", "found"),
    [(5, timedelta(minutes=1), 1), (4, timedelta(minutes=1), 0), (5, timedelta(minutes=20), 0)],
)
def test_success_counts_as_after_many_within_the_hour(entry, carer, scope, failures, apart, found):
    from compliance.reports.failed_sign_ins import successes_after_many, tries

    now = timezone.now()
    for at in range(failures):
        entry("access.session.unlock_failed", by=carer.ref, at=now - apart * (at + 1))
    entry("access.session.unlocked", by=carer.ref, at=now)

    rows = successes_after_many(tries(scope, now - timedelta(days=1), now + timedelta(days=1)))

    assert len(rows) == found


def test_failures_that_name_no_account_are_told_by_their_tablet(entry, carer, scope):
    from compliance.reports.failed_sign_ins import successes_after_many, tries

    device, now = f"device:{uuid4()}", timezone.now()
    for _ in range(5):
        entry("access.session.sign_in_failed", by="visitor:unknown", device=device)
    entry("access.session.signed_in", by=carer.ref, device=f"device:{uuid4()}")
    entry("access.session.signed_in", by=carer.ref, device=device)

    rows = successes_after_many(tries(scope, now - timedelta(days=1), now + timedelta(days=1)))

    assert [(row.entry.device, row.failures) for row in rows] == [(device, 5)]


def test_exports_is_not_met_when_somebody_without_a_role_took_one(organisation, year, good, entry, whole_ledger):
    entry("records.resident.printed", by=f"staff:{uuid4()}")
    whole_ledger()

    finding = evidence.exports_accounted_for(organisation, year())

    assert finding.verdict is Verdict.NOT_MET
    assert "1 of 2 exports" in finding.statement


def test_break_glass_says_that_there_is_none(organisation, year, good):
    finding = evidence.break_glass_reviewed(organisation, year())

    assert finding.verdict is Verdict.UNKNOWN
    assert finding.statement == "Break-glass is not available in this version, so nothing can be recorded."


def test_break_glass_is_not_green_either_once_there_are_acts(organisation, year, good, entry, carer, home):
    entry("access.break_glass.opened", by=carer.ref, home=home)

    finding = evidence.break_glass_reviewed(organisation, year())

    assert (finding.verdict, len(finding.sources)) == (Verdict.UNKNOWN, 1)


def test_leavers_is_not_met_by_an_act_after_access_had_ended(
    organisation, year, good, entry, carer, manager, actor_for
):
    record_leaver(actor=actor_for(manager), staff=carer, left_at=timezone.now())
    before = leavers(organisation, year()).verdict
    entry("records.resident.viewed", by=carer.ref, kind=EventKind.VIEW, at=timezone.now())

    finding = leavers(organisation, year())

    assert (before, finding.verdict) == (Verdict.MET, Verdict.NOT_MET)
    assert "1 act by leavers after their access had ended" in finding.statement


def test_leavers_are_not_blamed_for_the_end_of_their_session(
    organisation, year, good, entry, carer, manager, actor_for
):
    record_leaver(actor=actor_for(manager), staff=carer, left_at=timezone.now())
    entry("access.session.ended", by=carer.ref, at=timezone.now())

    assert leavers(organisation, year()).verdict is Verdict.MET


def test_ledger_stays_broken_when_only_what_is_new_was_checked_since(organisation, year, good, settle):
    broken(organisation, first_bad_seq=None, break_kind="", bad_subject=f"daily_note:{uuid4()}")
    audit.services.verify_ledger(organisation_id=organisation.pk, actor="system:test", mode="incremental")

    assert ledger_verified(organisation, year()).verdict is Verdict.NOT_MET
