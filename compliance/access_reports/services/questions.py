"""Asking why somebody was in a record, and answering it.

An answer is due within ten days: sooner than the one month that the law allows for a request about one's own data, and
within the two weeks that a link runs for, so that whoever asks reads the answer on the same page. Days of the calendar,
because a family counts those. The person asked about is not told by the system; whether to, is the manager's to decide.
"""

from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

import audit.services
from access.actors import Actor
from access.models import CareHome
from compliance.access_reports import ledger
from compliance.access_reports.facts import around
from compliance.access_reports.looks import Entry
from compliance.access_reports.text import WORDS_LENGTH, optional
from compliance.access_reports.visitors import Visitor
from compliance.anomalies.services import raise_unexplained
from compliance.errors import AlreadyAnswered, AlreadyAsked, OwnAccess, UnknownLook
from compliance.events import ComplianceEvent
from compliance.models import AccessAnswer, AccessQuestion
from compliance.policies import CompliancePermission, policy
from records.models import Resident
from records.text import cleaned

ANSWER_WITHIN = timedelta(days=10)


@transaction.atomic
def ask_why(*, asker: Actor | Visitor, resident: Resident, entry_id: UUID, words: str | None = None) -> AccessQuestion:
    """Ask why a member of staff did what one line of the report tells.

    asker: a visitor with a link asks about their own resident; staff ask for a resident who asked them.
    Raises NotPermitted, UnknownLook, AlreadyAsked, BadText. Appends compliance.access_question.asked, without words.
    """
    if isinstance(asker, Actor):
        policy.require(asker, CompliancePermission.ASK_ABOUT_ACCESS, at=resident.care_home_id)
    entry = look(asker, resident, entry_id)
    try:
        with transaction.atomic():
            question: AccessQuestion = AccessQuestion.objects.create(
                organisation_id=asker.organisation_id,
                care_home_id=resident.care_home_id,
                resident=resident,
                share=asker.share if isinstance(asker, Visitor) else None,
                asked_by=asker.ref,
                due_on=timezone.localdate() + ANSWER_WITHIN,
                entry_id=entry.id,
                entry_at=entry.at,
                staff_ref=entry.actor,
                about=entry.words,
                words=optional(words, longest=WORDS_LENGTH),
            )
    except IntegrityError as error:
        raise AlreadyAsked from error
    _append(asker.ref, ComplianceEvent.ACCESS_QUESTION_ASKED, question, question.ref, {"staff": entry.actor})
    return question


def look(asker: Actor | Visitor, resident: Resident, entry_id: UUID) -> Entry:
    """The entry that a question would be about: a person's, about this resident, within the asker's report.

    Raises UnknownLook.
    """
    since = None
    if isinstance(asker, Visitor):
        since = asker.since
        if asker.resident.pk != resident.pk:
            raise UnknownLook
    entry = ledger.entry(asker.organisation_id, resident.pk, entry_id, since)
    if entry is None or not entry.actor.startswith("staff:"):
        raise UnknownLook
    return entry


@transaction.atomic
def answer_question(*, actor: Actor, question: AccessQuestion, outcome: str, words: str) -> AccessAnswer:
    """Answer in plain words, with what the ledger shows; without a good reason an alert is raised for review.

    Raises NotPermitted, OwnAccess, AlreadyAnswered, BadText.
    Appends compliance.access_question.answered and, where it was not explained, compliance.alert.raised.
    """
    return _answer(actor, question, outcome, words, None, ComplianceEvent.ACCESS_QUESTION_ANSWERED)


@transaction.atomic
def correct_answer(*, actor: Actor, answer: AccessAnswer, outcome: str, words: str) -> AccessAnswer:
    """Supersede an answer; the first one stays readable. Raises and appends as answer_question."""
    return _answer(actor, answer.question, outcome, words, answer, ComplianceEvent.ACCESS_ANSWER_CORRECTED)


def _answer(
    actor: Actor,
    question: AccessQuestion,
    outcome: str,
    words: str,
    supersedes: AccessAnswer | None,
    event: ComplianceEvent,
) -> AccessAnswer:
    policy.require(actor, CompliancePermission.ANSWER_ACCESS_QUESTION, at=question.care_home_id)
    if question.staff_ref == actor.ref:
        raise OwnAccess
    try:
        with transaction.atomic():
            answer: AccessAnswer = AccessAnswer.objects.create(
                organisation_id=actor.organisation_id,
                care_home_id=question.care_home_id,
                resident_id=question.resident_id,
                question=question,
                supersedes=supersedes,
                outcome=AccessAnswer.Outcome(outcome),
                words=cleaned(words, longest=WORDS_LENGTH),
                facts=around(question),
                answered_by=actor.ref,
            )
    except IntegrityError as error:
        raise AlreadyAnswered from error
    _append(actor.ref, event, question, answer.ref, {"question": question.ref, "outcome": answer.outcome})
    if answer.outcome == AccessAnswer.Outcome.NOT_EXPLAINED:
        home: CareHome = question.care_home
        raise_unexplained(actor=actor, staff_ref=question.staff_ref, care_home=home, at=question.entry_at)
    return answer


def _append(
    by: str, action: ComplianceEvent, question: AccessQuestion, subject: str, detail: dict[str, object]
) -> None:
    audit.services.append(
        organisation_id=question.organisation_id,
        actor=by,
        action=action,
        subject=subject,
        detail=detail,
        residents=[question.resident_id],
        care_home_id=question.care_home_id,
    )
