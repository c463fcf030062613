"""Pages of the audit log's files: asking for one, watching it being made, taking it away."""

from typing import Any
from uuid import UUID

import structlog
from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from kombu.exceptions import OperationalError

from access import queries as access_queries
from access.http import StaffRequest
from access.policies import ANYWHERE
from access.services import confirm_password
from compliance.errors import LedgerExportInProgress, LedgerExportNotReady, ReasonMissing, UnknownAlert
from compliance.ledger import exports, services
from compliance.ledger.filters import Filters, read
from compliance.ledger.forms import ExportForm
from compliance.ledger.queries import alert_of, own_exports
from compliance.ledger.summary import in_words
from compliance.ledger.tasks import build_ledger_export
from compliance.models import LedgerExport
from compliance.policies import CompliancePermission, policy

log = structlog.get_logger(__name__)
SHOWN = 20


@require_http_methods(["GET", "POST"])
def ledger_export_new(request: StaffRequest) -> HttpResponse:
    policy.require(request.actor, CompliancePermission.EXPORT_LEDGER, at=ANYWHERE)
    filters, form = read(request.GET), ExportForm(request.POST or None)
    try:
        alert_of(request.actor, filters)
    except UnknownAlert as error:
        raise Http404 from error
    if request.method == "POST" and form.is_valid():
        if not confirm_password(request.user, form.cleaned_data["password"], request):
            form.add_error("password", _("The password is not right. Try again"))
        else:
            try:
                export = _request(request, filters, form.cleaned_data["format"], form.cleaned_data["reason"])
            except ReasonMissing:
                form.add_error("reason", _("Say why you need it"))
            else:
                return redirect("compliance:ledger_export", export)
    context = {
        "form": form,
        "chosen": in_words(request.actor, filters),
        "back_query": filters.query(),
        "kept_days": services.KEPT_FOR.days,
        "exports": list(own_exports(request.actor)[:SHOWN]),
    }
    return render(request, "compliance/ledger_export_form.html", context, status=422 if form.errors else 200)


def _request(request: StaffRequest, filters: Filters, kind: str, reason: str) -> UUID:
    """Ask for the file and enqueue its task. Without a broker the row waits, and the schedule enqueues it later."""
    try:
        export = services.request_export(actor=request.actor, filters=filters, kind=kind, reason=reason)
    except LedgerExportInProgress as error:
        messages.warning(request, _("A file is being made for you already. Wait for this one."))
        return error.export_id
    try:
        build_ledger_export.apply_async((str(export.organisation_id), str(export.pk)), retry=False)
    except OperationalError:
        log.warning("broker_unavailable", task=build_ledger_export.name)
    return export.pk  # type: ignore[no-any-return]


@require_GET
def ledger_export(request: StaffRequest, export_id: UUID) -> HttpResponse:
    return render(request, "compliance/ledger_export.html", _context(request, export_id))


@require_GET
def ledger_export_progress(request: StaffRequest, export_id: UUID) -> HttpResponse:
    """The part of the page that changes while the file is being made."""
    return render(request, "compliance/_ledger_export_progress.html", _context(request, export_id))


def _context(request: StaffRequest, export_id: UUID) -> dict[str, Any]:
    export = get_object_or_404(own_exports(request.actor), pk=export_id)
    late = timezone.now() - export.created_at > services.LATE_AFTER
    return {
        "export": export,
        "limit": exports.LIMITS[LedgerExport.Format(export.format)],
        "waits_long": late and export.state == LedgerExport.State.WAITING,
    }


@require_POST
def ledger_export_download(request: StaffRequest, export_id: UUID) -> HttpResponseBase:
    """The file. A POST, because it writes to the ledger who took it."""
    export = get_object_or_404(own_exports(request.actor), pk=export_id)
    try:
        path = services.download_export(actor=request.actor, export=export)
    except LedgerExportNotReady as error:
        messages.error(request, str(error))
        return redirect("compliance:ledger_export", export_id)
    code = access_queries.organisation(export.organisation_id).code
    name = f"{code}-audit-log-{timezone.localtime(export.finished_at):%Y-%m-%d-%H%M}.{export.format}"
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=name,
        content_type=exports.CONTENT_TYPES[LedgerExport.Format(export.format)],
    )
