"""Staff's pages of access reports: who looked at a resident's record, links for families, questions and answers."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

import access.queries
import records.queries
from access.errors import EnvelopeError
from access.http import StaffRequest
from access.policies import ANYWHERE
from compliance.access_reports import facts, links, queries, services
from compliance.access_reports.forms import AnswerForm, AskForm, NamesForm, ShareForm
from compliance.access_reports.letter import letter
from compliance.access_reports.people import jobs, names_setting, people
from compliance.access_reports.services.questions import ANSWER_WITHIN, look
from compliance.errors import (
    AlreadyAnswered,
    AlreadyAsked,
    AlreadyWithdrawn,
    LinkShownAlready,
    OwnAccess,
    UnknownLook,
)
from compliance.models import AccessQuestion, AccessReportShare
from compliance.policies import CompliancePermission, policy
from records.models import Resident
from records.pages import banner
from records.policies import RecordPermission
from records.policies import policy as records_policy

_QUESTIONS_A_PAGE = 50


def _resident(request: StaffRequest, resident_id: UUID, permission: CompliancePermission) -> Resident:
    """404 for a resident whose record is not the reader's, 403 without the permission."""
    found: Resident = get_object_or_404(records.queries.residents(request.actor), pk=resident_id)
    policy.require(request.actor, permission, at=found.care_home_id)
    return found


def _page(request: StaffRequest, resident: Resident) -> dict[str, Any]:
    at = resident.care_home_id
    return {
        "resident": resident,
        "banner": banner(request.actor, resident),
        "may_read_notes": records_policy.allows(request.actor, RecordPermission.READ_DAILY_NOTE, at=at),
        "may_share": policy.allows(request.actor, CompliancePermission.SHARE_ACCESS_REPORT, at=at),
    }


def _period(request: StaffRequest) -> str:
    asked = request.GET.get("period", queries.DEFAULT_PERIOD)
    return asked if asked in queries.PERIODS else queries.DEFAULT_PERIOD


@require_GET
def access_report(request: StaffRequest, resident_id: UUID) -> HttpResponse:
    found = _resident(request, resident_id, CompliancePermission.READ_ACCESS_REPORT)
    period = _period(request)
    report = queries.staff_report(request.actor, found, period=period, page=request.GET.get("page", "1"))
    periods = [
        {"label": words, "url": f"?period={key}", "current": key == period}
        for key, (words, _n) in queries.PERIODS.items()
    ]
    context = _page(request, found) | {
        "report": report,
        "page": report.page,
        "period": period,
        "periods": periods,
        "may_answer": policy.allows(request.actor, CompliancePermission.ANSWER_ACCESS_QUESTION, at=found.care_home_id),
        "organisation": access.queries.organisation(found.organisation_id),
        "full_names": True,
    }
    return render(request, "compliance/access_report.html", context)


@require_POST
def access_report_letter(request: StaffRequest, resident_id: UUID) -> HttpResponse:
    """The report as a PDF to hand over or post. A POST, because it writes to the ledger who took it."""
    found = _resident(request, resident_id, CompliancePermission.SHARE_ACCESS_REPORT)
    period = _period(request)
    report = services.print_report(actor=request.actor, resident=found, period=period)
    data = letter(
        report,
        organisation=access.queries.organisation(found.organisation_id).name,
        care_home=found.care_home.name,
        made_by=request.user.display_name,
    )
    name = f"who-looked-{timezone.localdate():%Y-%m-%d}.pdf"
    return HttpResponse(
        data, content_type="application/pdf", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@require_GET
def access_report_shares(request: StaffRequest, resident_id: UUID) -> HttpResponse:
    found = _resident(request, resident_id, CompliancePermission.SHARE_ACCESS_REPORT)
    rows = list(queries.shares(request.actor).filter(resident=found))
    names = access.queries.staff_names(found.organisation_id, {row.made_by for row in rows})
    now = timezone.now()
    context = _page(request, found) | {
        "rows": [
            {
                "share": row,
                "made_by": names.get(row.made_by, _("Somebody no longer here")),
                "state": "withdrawn"
                if row.withdrawn_at
                else "blocked"
                if row.blocked_at
                else "ended"
                if row.ended(now)
                else "open",
            }
            for row in rows
        ],
        "names": names_setting(found.organisation_id),
    }
    return render(request, "compliance/access_report_shares.html", context)


@require_http_methods(["GET", "POST"])
def access_report_share_new(request: StaffRequest, resident_id: UUID) -> HttpResponse:
    """Link and code are shown in the answer to the form itself, this once: they are kept nowhere."""
    found = _resident(request, resident_id, CompliancePermission.SHARE_ACCESS_REPORT)
    earlier = _earlier(request, found)
    form = ShareForm(request.POST) if request.method == "POST" else ShareForm(initial=_as_before(earlier))
    context = _page(request, found) | {"form": form, "earlier": earlier}
    if not form.is_valid():
        return render(request, "compliance/access_report_share_form.html", context, status=422 if form.errors else 200)
    values = dict(form.cleaned_data)
    values.pop("seen")
    try:
        share, token, code = services.share_report(
            actor=request.actor,
            resident=found,
            since=queries.since(values.pop("period")),
            runs_for=timedelta(days=values.pop("runs_for")),
            follows=earlier,
            **values,
        )
    except LinkShownAlready:
        messages.warning(
            request, _("This link was made and shown already. If it is lost, withdraw it and make another.")
        )
        return redirect("compliance:access_report_shares", resident_id)
    organisation = access.queries.organisation(found.organisation_id)
    address = request.build_absolute_uri(reverse("my_record:report", args=[organisation.code, token]))
    context |= {"share": share, "address": address, "code": links.spoken(code)}
    return render(request, "compliance/access_report_share_made.html", context)


def _earlier(request: StaffRequest, resident: Resident) -> AccessReportShare | None:
    """The link that the new one is to follow, for the same person."""
    try:
        wanted = UUID(request.GET.get("follows", ""))
    except ValueError:
        return None
    return queries.shares(request.actor).filter(resident=resident, pk=wanted).first()


def _as_before(earlier: AccessReportShare | None) -> dict[str, Any]:
    if earlier is None:
        return {}
    return {
        "receiver": earlier.receiver,
        "relation": earlier.relation,
        "basis": earlier.basis,
        "basis_note": earlier.basis_note or "",
    }


@require_POST
def access_report_share_withdraw(request: StaffRequest, share_id: UUID) -> HttpResponse:
    share = get_object_or_404(queries.shares(request.actor), pk=share_id)
    try:
        services.withdraw_share(actor=request.actor, share=share)
    except AlreadyWithdrawn:
        messages.info(request, _("The link was withdrawn before."))
    else:
        messages.success(request, _("The link is withdrawn. It opens nothing any more."))
    return redirect("compliance:access_report_shares", share.resident_id)


@require_http_methods(["GET", "POST"])
def access_report_names(request: StaffRequest) -> HttpResponse:
    """How staff are named on what leaves the house."""
    policy.require(request.actor, CompliancePermission.SHARE_ACCESS_REPORT, at=ANYWHERE)
    form = NamesForm(request.POST or None, initial={"names": names_setting(request.actor.organisation_id)})
    if form.is_valid():
        services.choose_names(actor=request.actor, **form.cleaned_data)
        messages.success(request, _("Saved. Links and letters name staff this way from now on."))
        return redirect("compliance:access_questions")
    return render(request, "compliance/access_report_names.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def access_report_ask(request: StaffRequest, resident_id: UUID, entry_id: UUID) -> HttpResponse:
    """Asking for a resident who wants to know and has no link."""
    found = _resident(request, resident_id, CompliancePermission.ASK_ABOUT_ACCESS)
    try:
        entry = look(request.actor, found, entry_id)
    except UnknownLook:
        return render(request, "404.html", status=404)
    form = AskForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            services.ask_why(asker=request.actor, resident=found, entry_id=entry_id, **form.cleaned_data)
        except AlreadyAsked:
            messages.info(request, _("You asked about this before. The answer comes on that question."))
        else:
            messages.success(request, _("The question is with the manager."))
        return redirect("compliance:access_report", resident_id)
    known = people(found.organisation_id, {entry.actor}, care_home_id=found.care_home_id)
    context = _page(request, found) | {
        "form": form,
        "entry": entry,
        "person": known[entry.actor],
        "days": ANSWER_WITHIN.days,
    }
    return render(request, "compliance/access_report_ask.html", context, status=422 if form.errors else 200)


# --- questions ------------------------------------------------------------------------------------------------------
@require_GET
def access_questions(request: StaffRequest) -> HttpResponse:
    waiting = queries.with_answers(queries.open_questions(request.actor))
    answered = queries.questions(request.actor).filter(answers__isnull=False).distinct().order_by("-asked_at")
    page = Paginator(answered, _QUESTIONS_A_PAGE).get_page(request.GET.get("page"))
    done = queries.with_answers(page.object_list)
    refs = {row.question.staff_ref for row in [*waiting, *done]}
    names = access.queries.staff_names(request.actor.organisation_id, refs)
    context = {
        "waiting": [_row(row, names) for row in waiting],
        "answered": [_row(row, names) for row in done],
        "page": page,
        "days": ANSWER_WITHIN.days,
    }
    return render(request, "compliance/access_questions.html", context)


def _row(asked: queries.Asked, names: dict[str, str]) -> dict[str, Any]:
    """A question in the list; of a resident who was erased nothing but the question's time is left."""
    question = asked.question
    row = {"asked": asked, "question": question, "person": names.get(question.staff_ref, _("Somebody no longer here"))}
    try:
        return row | {"resident": question.resident.display_name, "about": question.about, "asker": _asker(question)}
    except EnvelopeError:
        return row | {"resident": _("A resident whose record was erased"), "about": "", "asker": ""}


def _asker(question: AccessQuestion) -> str:
    if question.share is not None:
        return f"{question.share.receiver} ({question.share.relation})"
    return _("Staff, for the resident")


@require_http_methods(["GET", "POST"])
def access_question(request: StaffRequest, question_id: UUID) -> HttpResponse:
    row: AccessQuestion = get_object_or_404(queries.questions(request.actor), pk=question_id)
    asked = queries.with_answers([row])[0]
    form = AnswerForm(request.POST or None, initial=_standing(asked))
    if form.is_valid():
        try:
            if asked.answer is None:
                services.answer_question(actor=request.actor, question=row, **form.cleaned_data)
            else:
                services.correct_answer(actor=request.actor, answer=asked.answer, **form.cleaned_data)
        except OwnAccess:
            form.add_error(None, _("This is about your own access. Another manager has to answer it"))
        except AlreadyAnswered:
            messages.warning(request, _("Somebody else answered meanwhile. Read that answer first."))
            return redirect("compliance:access_question", question_id)
        else:
            messages.success(request, _("The answer is saved. Whoever asked reads it on their page."))
            return redirect("compliance:access_question", question_id)
    return render(
        request, "compliance/access_question.html", _question(request, asked, form), status=422 if form.errors else 200
    )


def _standing(asked: queries.Asked) -> dict[str, str]:
    return {"outcome": asked.answer.outcome, "words": asked.answer.words} if asked.answer else {}


def _question(request: StaffRequest, asked: queries.Asked, form: AnswerForm) -> dict[str, Any]:
    question, answers = asked.question, asked.answers
    refs = {question.staff_ref, *(answer.answered_by for answer in answers)}
    refs |= {question.asked_by} if question.share is None else set()
    names = access.queries.staff_names(question.organisation_id, refs)
    staff_id = UUID(question.staff_ref.partition(":")[2])
    job = jobs(question.organisation_id, {staff_id}, question.care_home_id, at=question.entry_at).get(staff_id, "")
    unknown = _("Somebody no longer here")
    return _row(asked, names) | {
        "job": job,
        "asked_for": names.get(question.asked_by, unknown) if question.share is None else "",
        "answers": [(answer, names.get(answer.answered_by, unknown)) for answer in answers],
        "facts": facts.around(question),
        "own": question.staff_ref == request.actor.ref,
        "link_ended": question.share is not None and (question.share.closed() or question.share.ended(timezone.now())),
        "form": form,
        "correcting": bool(answers) and (request.GET.get("correct") == "1" or bool(form.errors)),
    }
