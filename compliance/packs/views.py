"""Pages of evidence packs: the list, asking for one, watching it being made, taking it away."""

from typing import Any
from uuid import UUID

import structlog
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from kombu.exceptions import OperationalError

from access import queries as access_queries
from access.http import StaffRequest
from access.policies import ANYWHERE
from access.services import confirm_password
from compliance.dspt.queries import current_edition
from compliance.errors import PackInProgress, PackNotReady, ReasonMissing
from compliance.models import Pack
from compliance.packs import queries, services
from compliance.packs.forms import PackForm
from compliance.packs.tasks import build_pack
from compliance.policies import CompliancePermission, policy

log = structlog.get_logger(__name__)
PACKS_SHOWN = 20


@require_GET
def packs(request: StaffRequest) -> HttpResponse:
    rows = list(queries.packs(request.actor)[:PACKS_SHOWN])
    downloads = queries.downloads(request.actor.organisation_id, {row.ref for row in rows})
    people = {row.requested_by for row in rows} | {download.by for download in downloads}
    names = access_queries.staff_names(request.actor.organisation_id, people)
    context = {
        "rows": [
            {
                "pack": row,
                "requested_by": names.get(row.requested_by, row.requested_by),
                "taken": [(names.get(d.by, d.by), d.at) for d in downloads if d.pack_ref == row.ref],
            }
            for row in rows
        ],
        "fingerprint": queries.own_fingerprint(),
    }
    return render(request, "compliance/packs.html", context)


@require_http_methods(["GET", "POST"])
def pack_new(request: StaffRequest) -> HttpResponse:
    policy.require(request.actor, CompliancePermission.EXPORT_PACK, at=ANYWHERE)
    form = PackForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if not confirm_password(request.user, form.cleaned_data["password"], request):
            form.add_error("password", _("The password is not right. Try again"))
        else:
            try:
                pack = _request(request, form.cleaned_data["reason"])
            except ReasonMissing:
                form.add_error("reason", _("Say why you need it"))
            else:
                return redirect("compliance:pack", pack)
    context = {"form": form, "edition": current_edition(), "kept_days": services.KEPT_FOR.days}
    return render(request, "compliance/pack_form.html", context, status=422 if form.errors else 200)


def _request(request: StaffRequest, reason: str) -> UUID:
    """Ask for the pack and enqueue its task. Without a broker the row waits, and the schedule enqueues it later."""
    try:
        pack = services.request_pack(actor=request.actor, edition=current_edition(), reason=reason)
    except PackInProgress as error:
        messages.warning(request, _("A pack is being made already. Wait for this one."))
        return error.pack_id
    try:
        build_pack.apply_async((str(pack.organisation_id), str(pack.pk)), retry=False)
    except OperationalError:
        log.warning("broker_unavailable", task=build_pack.name)
    return pack.pk  # type: ignore[no-any-return]


@require_GET
def pack(request: StaffRequest, pack_id: UUID) -> HttpResponse:
    return render(request, "compliance/pack.html", _context(request, pack_id))


@require_GET
def pack_progress(request: StaffRequest, pack_id: UUID) -> HttpResponse:
    """The part of the page that changes while the pack is being made."""
    return render(request, "compliance/_pack_progress.html", _context(request, pack_id))


def _context(request: StaffRequest, pack_id: UUID) -> dict[str, Any]:
    row: Pack = get_object_or_404(queries.packs(request.actor), pk=pack_id)
    downloads = queries.downloads(row.organisation_id, {row.ref})
    people = {row.requested_by} | {download.by for download in downloads}
    names = access_queries.staff_names(row.organisation_id, people)
    waits_long = row.state == Pack.State.WAITING and timezone.now() - row.created_at > services.LATE_AFTER
    return {
        "pack": row,
        "requested_by": names.get(row.requested_by, row.requested_by),
        "taken": [(names.get(download.by, download.by), download.at) for download in downloads],
        "fingerprint": queries.own_fingerprint(),
        "waits_long": waits_long,
    }


@require_POST
def pack_download(request: StaffRequest, pack_id: UUID) -> HttpResponse:
    """The file. A POST, because it writes to the ledger who took it."""
    row = get_object_or_404(queries.packs(request.actor), pk=pack_id)
    try:
        data = services.download_pack(actor=request.actor, pack=row)
    except PackNotReady as error:
        messages.error(request, str(error))
        return redirect("compliance:pack", pack_id)
    code = access_queries.organisation(row.organisation_id).code
    name = f"{code}-dspt-{row.edition}-{timezone.localtime(row.finished_at):%Y-%m-%d}.zip"
    return HttpResponse(
        data, content_type="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
