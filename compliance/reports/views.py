"""Pages of reports: all of them, one, the list behind a figure, a file, and the review of a month."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from access import queries as access_queries
from access.http import StaffRequest
from access.policies import ANYWHERE
from compliance.errors import MonthNotOver, NothingToReview
from compliance.policies import CompliancePermission, policy
from compliance.reports import privileged, services, spans
from compliance.reports.catalogue import KINDS, Kind
from compliance.reports.entries import Scope
from compliance.reports.files import TYPES, Format
from compliance.reports.forms import FileForm, ReviewForm
from compliance.reports.reviews import State
from compliance.reports.spans import BadSpan, Span, london_day, month_name, month_span
from compliance.reports.tables import BadSelection, Page, Selection, selection

PER_PAGE = 50


def _scope(request: StaffRequest) -> Scope:
    """Raises NotPermitted."""
    policy.require(request.actor, CompliancePermission.READ_REPORT, at=ANYWHERE)
    return Scope.of(request.actor, CompliancePermission.READ_REPORT)


def _kind(name: str) -> Kind:
    try:
        return KINDS[name]
    except KeyError:
        raise Http404 from None


@dataclass(frozen=True, slots=True)
class Asked:
    """The period an address names, or this month and what is wrong with it."""

    span: Span
    error: str = ""


def _asked(query: Any) -> Asked:
    today = timezone.localdate()
    try:
        return Asked(spans.chosen(query, today))
    except BadSpan as error:
        return Asked(spans.month_span(today), str(error))


@require_GET
def reports(request: StaffRequest) -> HttpResponse:
    """Every report with its question and what this month says so far."""
    scope, span, now = _scope(request), spans.month_span(timezone.localdate()), timezone.now()
    rows = [(kind, kind.make(scope, span, now=now)) for kind in KINDS.values()]
    return render(request, "compliance/report_list.html", {"rows": rows, "span": span})


@require_GET
def report(request: StaffRequest, name: str) -> HttpResponse:
    scope, kind, asked = _scope(request), _kind(name), _asked(request.GET)
    made = kind.make(scope, asked.span)
    context = {
        "kind": kind,
        "report": made,
        "span": asked.span,
        "error": asked.error,
        "behind": f"{reverse('compliance:report_behind', args=[name])}?{urlencode(asked.span.query)}&figure=",
        "chosen": asked.span.key or "own",
        "offered": spans.offered(timezone.localdate()),
        "homes": list(scope.homes.values()),
        "formats": list(Format),
        "may_export": policy.allows(request.actor, CompliancePermission.EXPORT_REPORT, at=ANYWHERE),
        "to_review": _to_review(request, scope) if kind.name == privileged.NAME else [],
        "now": timezone.now(),
    }
    return render(request, "compliance/report.html", context, status=422 if asked.error else 200)


def _to_review(request: StaffRequest, scope: Scope) -> list[tuple[date, Any]]:
    """The months of the last 12 that wait for a review, oldest first, for those who may give one."""
    if not policy.allows(request.actor, CompliancePermission.REVIEW_PRIVILEGED, at=ANYWHERE):
        return []
    waiting = privileged.waiting(scope, timezone.now())
    return [(month, row) for month, row in waiting.items() if row.state in {State.WAITING, State.OVERDUE}]


@require_GET
def report_behind(request: StaffRequest, name: str) -> HttpResponse:
    """The list behind one figure, a page at a time. What is no figure of the report is not found."""
    scope, kind, asked = _scope(request), _kind(name), _asked(request.GET)
    if asked.error:
        raise Http404
    try:
        chosen = selection(request.GET.get("figure", ""))
        first = kind.behind(scope, asked.span, chosen, page=Page(0, 0))
        pages = Paginator(range(first.rows_total), PER_PAGE)
        page = pages.get_page(request.GET.get("page"))
        found = kind.behind(scope, asked.span, chosen, page=Page(max(page.start_index() - 1, 0), PER_PAGE))
    except BadSelection:
        raise Http404 from None
    context = {
        "kind": kind,
        "found": found,
        "table": found.table,
        "span": asked.span,
        "page": page,
        "back": f"{reverse('compliance:report', args=[name])}?{urlencode(asked.span.query)}",
        "ledger": _in_the_ledger(request, asked.span, chosen),
    }
    return render(request, "compliance/report_behind.html", context)


def _in_the_ledger(request: StaffRequest, span: Span, chosen: Selection) -> str:
    """The audit log's own page for the same days and, where the figure is about one, the same person and home."""
    if not policy.allows(request.actor, CompliancePermission.READ_LEDGER, at=ANYWHERE):
        return ""
    asked = {"since": span.first.isoformat(), "until": span.last.isoformat()}
    who = chosen.get("who") or chosen.get("account", "")
    if who.startswith("staff:"):
        asked["person"] = who.removeprefix("staff:")
    if chosen.get("home", "none") != "none":
        asked["home"] = chosen["home"]
    return f"{reverse('compliance:ledger')}?{urlencode(asked)}"


@require_POST
def report_file(request: StaffRequest, name: str) -> HttpResponse:
    """The report as a file. A POST, because it writes to the ledger who took it."""
    policy.require(request.actor, CompliancePermission.EXPORT_REPORT, at=ANYWHERE)
    kind, asked, form = _kind(name), _asked(request.POST), FileForm(request.POST)
    if asked.error or not form.is_valid():
        messages.error(request, asked.error or _("Choose the kind of file: CSV, XLSX or PDF."))
        return redirect("compliance:report", name)
    chosen = Format(form.cleaned_data["format"])
    file = services.export_report(actor=request.actor, kind=kind, span=asked.span, form=chosen)
    return HttpResponse(
        file.data,
        content_type=TYPES[chosen],
        headers={"Content-Disposition": f'attachment; filename="{file.name}"'},
    )


@require_http_methods(["GET", "POST"])
def report_review(request: StaffRequest, month: str) -> HttpResponse:
    """One month's privileged activity, to be looked at; POST says that one has."""
    policy.require(request.actor, CompliancePermission.REVIEW_PRIVILEGED, at=ANYWHERE)
    span = _month_or_404(month)
    form = ReviewForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.review_month(actor=request.actor, month=span.first, remark=form.cleaned_data["remark"])
        except MonthNotOver:
            messages.warning(request, _("This month is not over. Review it on the first of the next."))
        except NothingToReview:
            messages.warning(request, _("Only your own acts are in this month. Somebody else has to look at them."))
        else:
            messages.success(request, _("Your review of %(month)s is recorded.") % {"month": month_name(span.first)})
        return redirect("compliance:report_review", month)
    context = _review_context(request, span, form)
    return render(request, "compliance/report_review.html", context, status=422 if form.errors else 200)


def _month_or_404(text: str) -> Span:
    try:
        return month_span(date.fromisoformat(f"{text}-01"))
    except ValueError:
        raise Http404 from None


def _review_context(request: StaffRequest, span: Span, form: ReviewForm) -> dict[str, Any]:
    scope = Scope.of(request.actor, CompliancePermission.REVIEW_PRIVILEGED)
    stands = privileged.month_standing(scope, span.first, timezone.now())
    given = privileged.history(request.actor.organisation_id, span.first)
    names = access_queries.staff_names(request.actor.organisation_id, {row.reviewed_by for row in given})
    found = privileged.behind(scope, span, {"month": f"{span.first:%Y-%m}"})
    return {
        "span": span,
        "standing": stands,
        "title": privileged.reviews.TITLES[stands.state],
        "table": found.table,
        "found": found,
        "history": [(row, names.get(row.reviewed_by, _("The system"))) for row in given],
        "form": form,
        "over": london_day(timezone.now()) > span.last,
    }
