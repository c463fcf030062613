"""Pages of alerts about unusual access."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from access import queries as access_queries
from access.http import StaffRequest
from access.policies import ANYWHERE
from compliance.anomalies import queries, services
from compliance.anomalies.forms import ReviewForm
from compliance.errors import AlertAlreadyReviewed, OwnAlert, StatementMissing
from compliance.policies import CompliancePermission, policy

ALERTS_SHOWN = 50


@require_GET
def alerts(request: StaffRequest) -> HttpResponse:
    rows = list(queries.alerts(request.actor)[:ALERTS_SHOWN])
    people = {row.staff_ref for row in rows} | {row.reviewed_by for row in rows}
    names = access_queries.staff_names(request.actor.organisation_id, people)
    context = {
        "waiting": [(row, names.get(row.staff_ref, row.staff_ref)) for row in rows if row.is_open],
        "reviewed": [
            (row, names.get(row.staff_ref, row.staff_ref), names.get(row.reviewed_by, row.reviewed_by))
            for row in rows
            if not row.is_open
        ],
        "rule": services.RULE,
        "rule_minutes": int(services.RULE.within.total_seconds() // 60),
    }
    return render(request, "compliance/alerts.html", context)


@require_http_methods(["GET", "POST"])
def alert(request: StaffRequest, alert_id: UUID) -> HttpResponse:
    row = get_object_or_404(queries.alerts(request.actor), pk=alert_id)
    form = ReviewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.review_alert(actor=request.actor, alert=row, **form.cleaned_data)
        except OwnAlert:
            form.add_error(None, _("This is about your own access. Another manager has to review it"))
        except StatementMissing:
            form.add_error("note", _("Say what you found out"))
        except AlertAlreadyReviewed:
            messages.warning(request, _("Somebody else has reviewed this meanwhile."))
            return redirect("compliance:alert", alert_id)
        else:
            messages.success(request, _("The review is saved."))
            return redirect("compliance:alerts")
    names = access_queries.staff_names(request.actor.organisation_id, {row.staff_ref, row.reviewed_by})
    context = {
        "alert": row,
        "person": names.get(row.staff_ref, row.staff_ref),
        "reviewer": names.get(row.reviewed_by, row.reviewed_by),
        "own": row.staff_ref == request.actor.ref,
        "may_read_ledger": policy.allows(request.actor, CompliancePermission.READ_LEDGER, at=ANYWHERE),
        "may_review": policy.allows(request.actor, CompliancePermission.REVIEW_ALERT, at=row.care_home_id or ANYWHERE),
        "form": form,
    }
    return render(request, "compliance/alert.html", context, status=422 if form.errors else 200)
