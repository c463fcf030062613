"""The reports' collectors: what each report comes to, as a finding with its sources.

A finding that rests on the ledger is only as good as the ledger: where that is broken, stale or unchecked, nothing is
met. What cannot be seen is unknown. Sources are the ledger's entries (`event:…`), never more than SOURCES of them.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from access.models import Organisation
from compliance.dspt.collectors import Finding, Period, Verdict, collects
from compliance.reports import access_by_role, break_glass, exports_made, failed_sign_ins, privileged
from compliance.reports.actions import FAILED
from compliance.reports.entries import Entry, Scope, timeline
from compliance.reports.integrity import ledger_health
from compliance.reports.reviews import State
from compliance.reports.roles import NO_ROLE, PRECEDENCE
from compliance.reports.spans import Span, london_day, midnight, month_after, month_before, month_name
from compliance.reports.tables import counted

LATELY = timedelta(days=31)
SOURCES = 20
_ROLES = {role.value for role in PRECEDENCE}


@collects("compliance.access-by-role", title="Access matches roles")
def access_matches_roles(organisation: Organisation, period: Period) -> Finding:
    """Met when in the last 31 days whoever did anything in a home held a role there at that moment."""
    span, scope = _days(period.last(LATELY)), Scope.whole(organisation.pk)
    found = access_by_role.used(scope, span)
    people = [row for row in found if row.actor.startswith("staff:")]
    if not people:
        return Finding.unknown("Nobody used the records in the last 31 days, so there is nothing to show.")
    total = sum(row.times for row in people)
    without = sum(row.times for row in people if row.role == NO_ROLE)
    if without:
        told = f"{counted(without, 'act')} of {total:,} in the last 31 days by people who held no role there."
        return Finding.met_if(False, told, sources=_homes(scope))
    told = f"All {counted(total, 'act')} of the last 31 days were by people who held a role there at the time."
    return _resting_on_the_ledger(organisation, period, Finding.met_if(True, told, sources=_homes(scope)))


@collects("compliance.privileged-reviews", title="Administrator activity reviewed")
def privileged_reviewed(organisation: Organisation, period: Period) -> Finding:
    """Met when every month of the last 12 whose review is due was reviewed by somebody else than who acted.

    A month is due 28 days after it is over; months with no such act ask for nothing. Unknown while none is due.
    """
    scope = Scope.whole(organisation.pk)
    months = _whole_months(max(period.since, organisation.created_at), period.until)
    if not months:
        return Finding.unknown("No whole month has passed yet, so there is nothing to review.")
    acts = privileged.acts(scope, midnight(months[0]), midnight(month_after(months[-1])))
    states = privileged.standings(scope, acts, months, period.until)
    overdue = [month for month in months if states[month].state is State.OVERDUE]
    done = [month for month in months if states[month].state is State.REVIEWED]
    given = [review for month in months for review in states[month].reviews]
    newest = max((review.at for review in given), default=None)
    refs = [review.ref for review in given]
    if overdue:
        told = f"The review of {', '.join(map(month_name, overdue))} is overdue."
        return Finding(Verdict.NOT_MET, told, tuple(refs), newest)
    if not done:
        return Finding.unknown("No month of administrator activity has been reviewed yet.", sources=refs)
    told = f"{counted(len(done), 'month')} of administrator activity reviewed by somebody else, none overdue."
    return _resting_on_the_ledger(organisation, period, Finding(Verdict.MET, told, tuple(refs), newest))


@collects("access.failed-sign-ins", title="Failed sign-ins watched")
def failed_sign_ins_watched(organisation: Organisation, period: Period) -> Finding:
    """Met when in the last 31 days no sign-in worked shortly after five or more failures.

    Unknown where the ledger holds no sign-in at all: then it is not watching. Guesses at other systems are not seen.
    """
    lately = period.last(LATELY)
    scope = Scope.whole(organisation.pk)
    found = failed_sign_ins.tries(scope, lately.since - failed_sign_ins.SHORTLY, lately.until)
    after = [row for row in failed_sign_ins.successes_after_many(found) if row.entry.at >= lately.since]
    failed = [entry for entry in found if entry.at >= lately.since and entry.action in FAILED]
    if after:
        told = f"{counted(len(after), 'sign-in')} worked shortly after many failures in the last 31 days."
        return Finding.met_if(False, told, sources=_refs([row.entry for row in after]), seen_at=after[-1].entry.at)
    if not failed_sign_ins.anybody_signed_in(scope, lately.since, lately.until):
        return Finding.unknown("The audit log holds no sign-in of the last 31 days.")
    told = f"{counted(len(failed), 'try', 'tries')} failed in the last 31 days; no sign-in worked after many of them."
    finding = Finding.met_if(
        True, told, sources=_refs(failed) or _homes(scope), seen_at=failed[0].at if failed else None
    )
    return _resting_on_the_ledger(organisation, period, finding)


@collects("compliance.exports", title="Exports accounted for")
def exports_accounted_for(organisation: Organisation, period: Period) -> Finding:
    """Met when everything that left or came in was taken by a person who held a role then, or by the system.

    Unknown where nothing did. Does not see what is printed from a browser's own menu.
    """
    found = exports_made.made(Scope.whole(organisation.pk), period.since, period.until)
    if not found:
        return Finding.unknown("Nothing was exported, printed or imported in the last 12 months.")
    held = timeline(organisation.pk)
    strange = [
        entry
        for entry in found
        if not entry.actor.startswith("system:") and held.role_at(entry.actor, None, entry.at) not in _ROLES
    ]
    if strange:
        told = f"{len(strange):,} of {counted(len(found), 'export')} by somebody who held no role at the time."
        return Finding.met_if(False, told, sources=_refs(strange), seen_at=strange[0].at)
    told = f"{counted(len(found), 'export')} in the last 12 months, each by somebody known who held a role then."
    return _resting_on_the_ledger(
        organisation, period, Finding.met_if(True, told, sources=_refs(found), seen_at=found[0].at)
    )


@collects("access.break-glass", title="Break-glass reviewed")
def break_glass_reviewed(organisation: Organisation, period: Period) -> Finding:
    """Always unknown: this version has no break-glass, and so no review of it that could be read."""
    found = break_glass.used(Scope.whole(organisation.pk), period.since, period.until)
    if not break_glass.available() and not found:
        return Finding.unknown(break_glass.NOT_AVAILABLE)
    told = f"{counted(len(found), 'act')} of break-glass in the last 12 months; the system cannot see their reviews."
    return Finding.unknown(told, sources=_refs(found), seen_at=found[0].at if found else None)


def _resting_on_the_ledger(organisation: Organisation, period: Period, finding: Finding) -> Finding:
    """The finding, unless the ledger it rests on is not known to be whole at this moment."""
    stands = ledger_health(organisation.pk, period.until)
    if finding.verdict is not Verdict.MET or stands.good:
        return finding
    told = f"{finding.statement} But the audit log that says so is not known to be whole. {stands.statement}"
    return Finding(Verdict.UNKNOWN, told, finding.sources, finding.seen_at)


def _days(period: Period) -> Span:
    return Span(london_day(period.since), london_day(period.until), "")


def _whole_months(since: datetime, until: datetime) -> list[date]:
    """The months that are over at `until`, from the one in which `since` falls."""
    last, month = month_before(london_day(until)), london_day(since).replace(day=1)
    months = []
    while month <= last:
        months.append(month)
        month = month_after(month)
    return months


def _refs(found: Sequence[Entry]) -> list[str]:
    return [f"event:{entry.id}" for entry in found[:SOURCES]]


def _homes(scope: Scope) -> list[str]:
    return [f"care_home:{home}" for home in scope.homes]
