"""The three collectors over real rows."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

import audit.services
from access.services import record_leaver
from audit.models import Verification
from backups.models import RestoreDrill
from compliance.dspt.collectors import Period, Verdict
from compliance.dspt.evidence import leavers, ledger_verified, restore_drills


@pytest.fixture
def year(organisation):
    return Period.year_before(timezone.now() + timedelta(seconds=5))


def drill(organisation, *, ago=timedelta(days=18), took=timedelta(minutes=11), **values):
    ended = timezone.now() - ago
    began = ended - timedelta(minutes=11)
    checks = dict.fromkeys(("restored", "counts_matched", "ledger_verified", "rls_probe_ok", "decrypted"), True)
    row = RestoreDrill.objects.create(
        organisation_id=organisation.pk,
        **{"run_id": uuid4(), "started_at": began, "finished_at": ended, "took": took} | checks | values,
    )
    audit.services.append(
        organisation_id=organisation.pk, actor="system:test", action="compliance.test.made", subject=row.ref
    )
    return row


def verified(organisation, *, ago=timedelta(minutes=1), ok=True, **values):
    at = timezone.now() - ago
    return Verification.objects.create(
        organisation_id=organisation.pk,
        **{
            "mode": "full",
            "started_at": at,
            "finished_at": at,
            "ok": ok,
            "entries": 12,
            "head_seq": 3,
            "head_digest": b"\0" * 32,
        }
        | values,
    )


def test_ledger_verified_is_unknown_before_the_first_check(organisation, year):
    assert ledger_verified(organisation, year).verdict is Verdict.UNKNOWN


def test_ledger_verified_is_met_by_a_check_of_now(organisation, year, settle):
    settle()
    audit.services.sign_checkpoint(organisation.pk)
    row = verified(organisation)

    finding = ledger_verified(organisation, year)

    assert (finding.verdict, finding.sources) == (Verdict.MET, (row.ref,))
    assert "3 entries" in finding.statement


def test_ledger_verified_is_met_by_the_real_verifier(organisation, year, settle):
    settle()
    audit.services.sign_checkpoint(organisation.pk)

    audit.services.verify_ledger(organisation_id=organisation.pk, actor="system:test")

    assert ledger_verified(organisation, year).verdict is Verdict.MET


@pytest.mark.parametrize("ago", [timedelta(minutes=31), timedelta(hours=27)])
def test_ledger_verified_is_unknown_when_the_check_is_old(organisation, year, settle, ago):
    settle()
    audit.services.sign_checkpoint(organisation.pk)
    verified(organisation, ago=ago)

    assert ledger_verified(organisation, year).verdict is Verdict.UNKNOWN


def test_ledger_verified_tells_a_break_however_old(organisation, year):
    verified(organisation, ago=timedelta(days=9), ok=False, first_bad_seq=7, break_kind="altered")

    finding = ledger_verified(organisation, year)

    assert finding.verdict is Verdict.NOT_MET
    assert "entry 7" in finding.statement


def test_restore_drills_is_not_met_without_a_drill(organisation, year):
    assert restore_drills(organisation, year).verdict is Verdict.NOT_MET


def test_restore_drills_is_met_by_a_drill_within_the_rto(organisation, year):
    row = drill(organisation)

    finding = restore_drills(organisation, year)

    assert (finding.verdict, finding.sources, finding.seen_at) == (Verdict.MET, (row.ref,), row.finished_at)
    assert finding.statement == "1 of 1 restore drills came back whole within 4 hours."


@pytest.mark.parametrize(
    "fault",
    [
        {"restored": False},
        {"counts_matched": False},
        {"ledger_verified": None},
        {"took": timedelta(hours=5)},
        {"ago": timedelta(days=366)},
    ],
)
def test_restore_drills_is_not_met_by_less(organisation, year, fault):
    drill(organisation, **fault)

    assert restore_drills(organisation, year).verdict is Verdict.NOT_MET


def test_restore_drills_goes_by_the_newest(organisation, year):
    drill(organisation)
    drill(organisation, ago=timedelta(days=1), restored=False)

    finding = restore_drills(organisation, year)

    assert finding.verdict is Verdict.NOT_MET
    assert "The newest did not" in finding.statement


def test_restore_drills_does_not_count_one_that_is_running(organisation, year):
    drill(organisation, finished_at=None, took=None, restored=False)
    drill(organisation)

    assert restore_drills(organisation, year).verdict is Verdict.MET


def left(staff, *, ago, ended_after):
    at = timezone.now() - ago
    staff.created_at = at - timedelta(days=30)
    staff.left_at, staff.access_ended_at = at, None if ended_after is None else at + ended_after
    staff.save()
    audit.services.append(
        organisation_id=staff.organisation_id, actor="system:test", action="compliance.test.made", subject=staff.ref
    )


def test_leavers_is_unknown_when_nobody_left(organisation, year, carer):
    assert leavers(organisation, year).verdict is Verdict.UNKNOWN


def test_leavers_is_met_when_access_ended_in_time(organisation, year, carer):
    left(carer, ago=timedelta(days=5), ended_after=timedelta(hours=2))

    finding = leavers(organisation, year)

    assert (finding.verdict, finding.sources) == (Verdict.MET, (carer.ref,))
    assert finding.statement == "1 of 1 leavers lost their access within 24 hours."


def test_leavers_is_met_by_recording_a_leaver(organisation, year, carer, manager, actor_for):
    record_leaver(actor=actor_for(manager), staff=carer, left_at=timezone.now())

    assert leavers(organisation, year).verdict is Verdict.MET


@pytest.mark.parametrize(
    ("ago", "ended_after", "verdict"),
    [
        (timedelta(days=5), timedelta(hours=30), Verdict.NOT_MET),
        (timedelta(days=5), timedelta(days=50), Verdict.NOT_MET),
        (timedelta(hours=20), timedelta(hours=50), Verdict.MET),
        (timedelta(days=89), timedelta(hours=25), Verdict.NOT_MET),
        (timedelta(days=91), timedelta(hours=25), Verdict.MET),
        (timedelta(days=366), timedelta(days=40), Verdict.UNKNOWN),
    ],
)
def test_leavers_weighs_how_long_access_stayed(organisation, year, carer, ago, ended_after, verdict):
    left(carer, ago=ago, ended_after=ended_after)

    assert leavers(organisation, year).verdict is verdict


def test_leavers_says_who_still_has_access_in_numbers_only(organisation, year, carer):
    left(carer, ago=timedelta(days=5), ended_after=timedelta(days=50))

    statement = leavers(organisation, year).statement

    assert statement == "0 of 1 leavers lost their access within 24 hours. 1 still has access."
    assert carer.last_name not in statement
