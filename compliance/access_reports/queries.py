"""Reading access reports: the report itself, links to it, questions about it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access.actors import Actor
from access.policies import ANYWHERE
from compliance.access_reports import ledger
from compliance.access_reports.looks import LONDON, Entry, Line, PersonTotal, Sort, Totals, days, totals
from compliance.access_reports.people import Person, devices, names_setting, people
from compliance.access_reports.visitors import Visitor
from compliance.models import AccessAnswer, AccessQuestion, AccessReportSetting, AccessReportShare
from compliance.policies import CompliancePermission, policy
from records.models import Resident

DAYS_A_PAGE = 7
_OUTSIDER = "nobody:letter"  # reads as a visitor does: other holders of links have no name
PERIODS: dict[str, tuple[object, int | None]] = {  # key → words, days up to and with today
    "7": (_("Last 7 days"), 7),
    "30": (_("Last 30 days"), 30),
    "365": (_("Last 12 months"), 365),
    "1095": (_("Last 3 years"), 1095),
    "all": (_("All"), None),
}
DEFAULT_PERIOD = "30"
_LONGEST_CHAIN = 50  # links that follow each other


def since(period: str) -> datetime | None:
    """Where a period begins: London's midnight; None for all of it."""
    length = PERIODS[period][1]
    if length is None:
        return None
    first = timezone.localdate() - timedelta(days=length - 1)
    return datetime.combine(first, time(), tzinfo=LONDON)


@dataclass(frozen=True, slots=True)
class LineShown:
    """A line with its person and place in words. question: what was asked about it, if the reader may know."""

    line: Line
    person: Person
    device: str
    question: "Asked | None"
    may_ask: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answers, the newest first. overdue: it waits for longer than was promised.

    who: the person asked about, as the reader may know them; only a report fills it in.
    """

    question: AccessQuestion
    answers: list[AccessAnswer]
    overdue: bool
    who: str = ""

    @property
    def answer(self) -> AccessAnswer | None:
        return self.answers[0] if self.answers else None


@dataclass(frozen=True, slots=True)
class Report:
    """Who looked at one resident's record. since: where it begins, None for the whole record's time."""

    resident: Resident
    since: datetime | None
    until: datetime
    totals: Totals
    days: list[tuple[date, list[LineShown]]]
    names: dict[str, Person]
    asked: list[Asked] = field(default_factory=list)
    page: "Page[date] | None" = None

    @property
    def people(self) -> list[tuple[Person, PersonTotal]]:
        return [(self.names[total.actor], total) for total in self.totals.direct]

    @property
    def in_lists(self) -> list[tuple[Person, PersonTotal]]:
        return [(self.names[total.actor], total) for total in self.totals.in_lists]


def staff_report(actor: Actor, resident: Resident, *, period: str, page: str = "1", whole: bool = False) -> Report:
    """The report as managers read it: full names, and every question. whole: all days, for a letter.

    Raises NotPermitted.
    """
    policy.require(actor, CompliancePermission.READ_ACCESS_REPORT, at=resident.care_home_id)
    questions = AccessQuestion.objects.filter(organisation_id=actor.organisation_id, resident=resident)
    if whole:  # the letter leaves the house: what one relative asked is not for another's eyes
        questions = questions.filter(share__isnull=True)
    asked = _asked(questions)
    may_ask = policy.allows(actor, CompliancePermission.ASK_ABOUT_ACCESS, at=resident.care_home_id)
    names = names_setting(actor.organisation_id) if whole else AccessReportSetting.Names.FULL.value
    shown = None if whole else page
    return _report(
        resident, since(period), asked, page=shown, names=names, may_ask=may_ask, own_ref=_OUTSIDER if whole else ""
    )


def visitor_report(visitor: Visitor, *, page: str = "1") -> Report:
    """The report as the holder of a link reads it: from the link's beginning, named as the organisation decided."""
    names = names_setting(visitor.organisation_id)
    asked = visitor_questions(visitor)
    return _report(visitor.resident, visitor.since, asked, page=page, names=names, may_ask=True, own_ref=visitor.ref)


def _report(
    resident: Resident,
    begins: datetime | None,
    asked: list[Asked],
    *,
    page: str | None,
    names: str,
    may_ask: bool,
    own_ref: str = "",
) -> Report:
    organisation_id, now = resident.organisation_id, timezone.now()
    found = totals(ledger.counted(organisation_id, resident.pk, begins))
    shown = Paginator(found.days, DAYS_A_PAGE).get_page(page) if page is not None else None
    told = list(shown.object_list) if shown is not None else found.days
    lines = days(_entries_of(organisation_id, resident.pk, told, begins)) if told else []
    known = people(
        organisation_id,
        {person.actor for person in found.people}
        | {line.actor for _day, each in lines for line in each}
        | {one.question.staff_ref for one in asked},
        care_home_id=resident.care_home_id,
        names=names,
        own_ref=own_ref,
    )
    places = devices(organisation_id, {line.device for _day, each in lines for line in each if line.device})
    asked = [replace(one, who=known[one.question.staff_ref].described) for one in asked]
    by_entry = {one.question.entry_id: one for one in asked}

    def of(line: Line) -> LineShown:
        question = next((by_entry[entry] for entry in line.ids if entry in by_entry), None)
        place = places.get(line.device or "", "")
        asks = may_ask and line.actor.startswith("staff:") and line.sort is not Sort.REPORT
        return LineShown(line, known[line.actor], place, question, asks)

    return Report(
        resident=resident,
        since=begins,
        until=now,
        totals=found,
        days=[(day, [of(line) for line in each]) for day, each in lines],
        names=known,
        asked=asked,
        page=shown,
    )


def _entries_of(organisation_id: UUID, resident_id: UUID, told: list[date], begins: datetime | None) -> list[Entry]:
    """The entries from the first to the last of these days, never before the report's beginning."""
    first = datetime.combine(min(told), time(), tzinfo=LONDON)
    end = datetime.combine(max(told) + timedelta(days=1), time(), tzinfo=LONDON)
    return ledger.entries(organisation_id, resident_id, max(first, begins) if begins else first, end)


# --- links ----------------------------------------------------------------------------------------------------------
def shares(actor: Actor) -> QuerySet[AccessReportShare]:
    """Links of the homes where the actor may give them, newest first. Raises NotPermitted."""
    policy.require(actor, CompliancePermission.SHARE_ACCESS_REPORT, at=ANYWHERE)
    rows: QuerySet[AccessReportShare] = (
        AccessReportShare.objects.filter(
            organisation_id=actor.organisation_id,
            care_home_id__in=actor.homes_permitting(CompliancePermission.SHARE_ACCESS_REPORT),
        )
        .select_related("care_home")
        .order_by("-made_at")
    )
    return rows


# --- questions ------------------------------------------------------------------------------------------------------
def questions(actor: Actor) -> QuerySet[AccessQuestion]:
    """Questions of the homes the actor answers for, oldest first. Raises NotPermitted."""
    policy.require(actor, CompliancePermission.ANSWER_ACCESS_QUESTION, at=ANYWHERE)
    rows: QuerySet[AccessQuestion] = (
        AccessQuestion.objects.filter(
            organisation_id=actor.organisation_id,
            care_home_id__in=actor.homes_permitting(CompliancePermission.ANSWER_ACCESS_QUESTION),
        )
        .select_related("care_home", "share", "resident")
        .order_by("asked_at")
    )
    return rows


def open_questions(actor: Actor) -> QuerySet[AccessQuestion]:
    """Those without an answer. Raises NotPermitted."""
    return questions(actor).filter(answers__isnull=True)


def open_question_count(actor: Actor) -> int:
    """How many wait for an answer, for the frame of every page; 0 for somebody who answers none."""
    if not policy.allows(actor, CompliancePermission.ANSWER_ACCESS_QUESTION, at=ANYWHERE):
        return 0
    count: int = AccessQuestion.objects.filter(
        organisation_id=actor.organisation_id,
        care_home_id__in=actor.homes_permitting(CompliancePermission.ANSWER_ACCESS_QUESTION),
        answers__isnull=True,
    ).count()
    return count


def with_answers(rows: Iterable[AccessQuestion]) -> list[Asked]:
    """The questions with their answers, newest first. One query more."""
    return _asked(rows)


def visitor_questions(visitor: Visitor) -> list[Asked]:
    """What this person asked through this link and the links it follows. Two queries and one for each earlier link."""
    ids, share = {visitor.share.pk}, visitor.share
    while share.follows_id is not None and share.follows_id not in ids and len(ids) < _LONGEST_CHAIN:
        ids.add(share.follows_id)
        share = AccessReportShare.objects.get(organisation_id=visitor.organisation_id, pk=share.follows_id)
    rows = AccessQuestion.objects.filter(
        organisation_id=visitor.organisation_id, resident_id=visitor.resident.pk, share_id__in=ids
    )
    return _asked(rows.order_by("-asked_at"))


def _asked(rows: Iterable[AccessQuestion]) -> list[Asked]:
    found = list(rows)
    answers: dict[UUID, list[AccessAnswer]] = {}
    if found:
        given = AccessAnswer.objects.filter(
            organisation_id=found[0].organisation_id, question_id__in=[row.pk for row in found]
        ).order_by("-answered_at")
        for answer in given:
            answers.setdefault(answer.question_id, []).append(answer)
    today = timezone.localdate()
    return [Asked(row, answers.get(row.pk, []), row.pk not in answers and row.due_on < today) for row in found]


# --- for collectors -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Answering:
    """How questions of a time were dealt with: asked in it, answered by their day, late, and still waiting."""

    asked: int
    in_time: int
    late: int
    waiting: int
    overdue: int
    not_explained: int
    refs: list[str]


def answering(organisation_id: UUID, since: datetime, until: datetime) -> Answering:
    """Questions asked in [since, until) and whether they were answered by the day that was promised. Two queries.

    The first answer counts for time, the newest for what came of it.
    """
    rows = _asked(
        AccessQuestion.objects.filter(
            organisation_id=organisation_id, asked_at__gte=since, asked_at__lt=until
        ).order_by("asked_at")
    )
    answered = [(row.question, row.answers) for row in rows if row.answers]
    in_time = sum(given[-1].answered_at.astimezone(LONDON).date() <= question.due_on for question, given in answered)
    return Answering(
        asked=len(rows),
        in_time=in_time,
        late=len(answered) - in_time,
        waiting=len(rows) - len(answered),
        overdue=sum(row.overdue for row in rows),
        not_explained=sum(given[0].outcome == AccessAnswer.Outcome.NOT_EXPLAINED for _question, given in answered),
        refs=[row.question.ref for row in rows],
    )
