"""The collectors: what the system can see of its own accord, each a few lines over another app's queries."""

from datetime import datetime, timedelta

import backups.queries
from access import queries as access_queries
from access.models import Organisation
from access.queries import Leaver
from compliance.dspt.collectors import Finding, Period, Verdict, collects
from compliance.reports.health import Whole
from compliance.reports.integrity import ledger_health
from compliance.reports.leavers import acts_after

ACCESS_GONE_WITHIN = timedelta(hours=24)
RECENTLY = timedelta(days=90)
_STATES = {
    Whole.UNBROKEN: Verdict.MET,
    Whole.BROKEN: Verdict.NOT_MET,
    Whole.STALE: Verdict.UNKNOWN,
    Whole.NEVER: Verdict.UNKNOWN,
}


@collects("audit.ledger-verified", title="Audit log unbroken")
def ledger_verified(organisation: Organisation, period: Period) -> Finding:
    """Met when nothing was wrong, checked in full within 26 hours, in part within 30 minutes, signed within five.

    What is older says nothing about now, so it is unknown; a break is told however old it is, until a check of the same
    kind finds nothing.
    """
    stands = ledger_health(organisation.pk, period.until)
    return Finding(_STATES[stands.state], stands.statement, stands.sources, stands.checked_at)


@collects("backups.restore-drills", title="Backup restored in test")
def restore_drills(organisation: Organisation, period: Period) -> Finding:
    """Met when the newest drill of the period passed every check and came back within the organisation's RTO."""
    drills = list(backups.queries.restore_drills(organisation.pk, period.since, period.until))
    if not drills:
        return Finding.met_if(False, "No backup has been restored in test in the last 12 months.")
    good = [drill for drill in drills if drill.passed and drill.took is not None and drill.took <= organisation.rto]
    statement = f"{len(good)} of {len(drills)} restore drills came back whole within {_hours(organisation.rto)}."
    newest = drills[0]
    if newest not in good:
        statement += " The newest did not."
    return Finding.met_if(
        newest in good, statement, sources=[drill.ref for drill in drills], seen_at=newest.finished_at
    )


@collects("access.leavers", title="Access removed for leavers")
def leavers(organisation: Organisation, period: Period) -> Finding:
    """Met when nobody who left still has access or did anything after it ended, and in the last 90 days everybody lost
    it within 24 hours.

    A late removal stays against the item for 90 days, not for a year: a process that was put right must be able to show
    it. Where nobody left there is nothing to show, so it is unknown. Sees this system's accounts, and no others.
    """
    left = access_queries.leavers(organisation.pk, period.since, period.until)
    if not left:
        return Finding.unknown("Nobody has left in the last 12 months, so there is nothing to show.")
    open_still = [leaver for leaver in left if _is_open(leaver, period.until)]
    late = [leaver for leaver in left if leaver not in open_still and leaver.took and leaver.took > ACCESS_GONE_WITHIN]
    late_recently = [leaver for leaver in late if leaver.left_at >= period.last(RECENTLY).since]
    overdue = [leaver for leaver in open_still if period.until - leaver.left_at > ACCESS_GONE_WITHIN]
    in_time = len(left) - len(late) - len(open_still)
    statement = f"{in_time} of {len(left)} leavers lost their access within 24 hours."
    if open_still:
        statement += f" {len(open_still)} still {'have' if len(open_still) > 1 else 'has'} access."
    if late:
        statement += f" {len(late)} kept it longer."
    after = sum(acts_after(organisation.pk, left, period.until).values())
    if after:
        statement += f" {after} act{'' if after == 1 else 's'} by leavers after their access had ended."
    return Finding.met_if(
        not overdue and not late_recently and not after,
        statement,
        sources=[leaver.staff_ref for leaver in left],
        seen_at=max(leaver.left_at for leaver in left),
    )


def _is_open(leaver: Leaver, now: datetime) -> bool:
    return leaver.access_ended_at is None or leaver.access_ended_at > now


def _hours(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:g} hour{'' if hours == 1 else 's'}"
