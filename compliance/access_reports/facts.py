"""What the ledger shows around one look at a record, in sentences: it helps the manager and goes with the answer.

Drawn by the system, not written by anybody, and about this resident alone.
"""

from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.models import Grant, RoleHolding
from access.roles import Role
from compliance.access_reports import ledger
from compliance.access_reports.looks import LONDON, Entry, Sort
from compliance.models import AccessQuestion

AROUND = timedelta(hours=12)


def around(question: AccessQuestion) -> list[str]:
    """Role and shift at that moment, and what the person did in this record in the twelve hours before and after."""
    at = question.entry_at
    entries = ledger.entries(
        question.organisation_id, question.resident_id, at - AROUND, at + AROUND, actor=question.staff_ref
    )
    return [*_roles(question), *_written(entries, question), *_opened(entries, question)]


def _roles(question: AccessQuestion) -> list[str]:
    staff_id, at = UUID(question.staff_ref.partition(":")[2]), question.entry_at
    of_person = {"organisation_id": question.organisation_id, "staff_id": staff_id, "starts_at__lte": at}
    held = RoleHolding.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), **of_person)
    granted = Grant.objects.filter(ends_at__gt=at, effect=Grant.Effect.ALLOW, **of_person)
    found = [
        _("Worked as %(job)s at %(home)s at that time.")
        % {"job": Role(row.role).label.lower(), "home": row.care_home.name}
        for row in held.select_related("care_home")
    ]
    found += [
        _("Was on a shift as %(job)s at %(home)s, from %(start)s to %(end)s.")
        % {
            "job": Role(row.role).label.lower(),
            "home": row.care_home.name,
            "start": _when(row.starts_at),
            "end": _when(row.ends_at),
        }
        for row in granted.select_related("care_home")
    ]
    return sorted(found) or [_("Held no role at any of our homes at that time.")]


def _written(entries: list[Entry], question: AccessQuestion) -> list[str]:
    after = [entry for entry in entries if entry.sort is Sort.WROTE and entry.at >= question.entry_at]
    if not after:
        return [_("Wrote nothing in this record in the 12 hours after.")]
    words = ngettext(
        "Wrote in this record %(n)d time in the 12 hours after, first at %(time)s.",
        "Wrote in this record %(n)d times in the 12 hours after, first at %(time)s.",
        len(after),
    )
    return [words % {"n": len(after), "time": _when(after[0].at)}]


def _opened(entries: list[Entry], question: AccessQuestion) -> list[str]:
    day = question.entry_at.astimezone(LONDON).date()
    times = sum(entry.count for entry in entries if entry.sort is Sort.LOOKED and entry.day == day)
    words = ngettext("Opened this record %(n)d time that day.", "Opened this record %(n)d times that day.", times)
    return [words % {"n": times}]


def _when(at: object) -> str:
    return f"{at.astimezone(LONDON):%H:%M on %-d %B}"  # type: ignore[attr-defined]
