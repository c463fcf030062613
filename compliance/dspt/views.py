"""Data security pages: overview, items, one item, backups."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

import audit.queries
import backups.queries
from access import queries as access_queries
from access.http import StaffRequest
from access.policies import ANYWHERE
from compliance.anomalies import queries as anomalies
from compliance.anomalies.anchoring import kept_at
from compliance.dspt import queries, services
from compliance.dspt.assessment import State, select
from compliance.dspt.collectors import Period
from compliance.dspt.edition import Edition, EvidenceItem, Level
from compliance.dspt.forms import ConfirmForm, WithdrawForm
from compliance.errors import ContradictedByEvidence, NothingToWithdraw, StatementMissing, ValidUntilOutOfRange
from compliance.policies import CompliancePermission, policy
from compliance.reports.integrity import ledger_health

NEXT_SHOWN = 6
RUNS_SHOWN = 14


@require_GET
def dashboard(request: StaffRequest) -> HttpResponse:
    position = queries.position(request.actor, queries.current_edition())
    anchors, now = audit.queries.anchor_health(request.actor.organisation_id), timezone.now()
    context = {
        "position": position,
        "assessment": position.assessment,
        "deadline": position.assessment.deadline,
        "do_next": position.assessment.do_next(NEXT_SHOWN),
        "alerts": anomalies.open_alerts(request.actor),
        "ledger": ledger_health(request.actor.organisation_id, now),
        "now": now,
        "anchored": kept_at(anchors, now),
        "anchors_good": all(anchor.ok for anchor in anchors),
        "may_export": policy.allows(request.actor, CompliancePermission.EXPORT_PACK, at=ANYWHERE),
    }
    return render(request, "compliance/dashboard.html", context)


@require_GET
def items(request: StaffRequest) -> HttpResponse:
    """The items, narrowed by standard, state and level in the URL; what is not a filter's value narrows nothing."""
    position = queries.position(request.actor, queries.current_edition())
    chosen = {
        "standard": _one_of(
            {str(s.number): s.number for s in position.assessment.edition.standards}, request, "standard"
        ),
        "state": _one_of({state.value: state for state in State}, request, "state"),
        "level": _one_of({level.value: level for level in Level}, request, "level"),
    }
    within = position.assessment.items if chosen["level"] is Level.OPTIONAL else position.assessment.mandatory
    context = {
        "assessment": position.assessment,
        "items": select(within, **chosen),
        "chosen": chosen,
        "states": list(State),
        "levels": list(Level),
    }
    return render(request, "compliance/items.html", context)


def _one_of(known: dict[str, Any], request: StaffRequest, name: str) -> Any:
    return known.get(request.GET.get(name, ""))


@require_http_methods(["GET", "POST"])
def item(request: StaffRequest, ref: str) -> HttpResponse:
    """One item: what it asks, what the system sees, what was confirmed; POST confirms."""
    edition = queries.current_edition()
    wanted = _item_or_404(edition, ref)
    latest = services.latest_valid_until(wanted, timezone.localdate())
    form = ConfirmForm(request.POST or None, item=wanted, latest=latest)
    if request.method == "POST" and form.is_valid():
        try:
            services.confirm_item(actor=request.actor, edition=edition, item_ref=ref, **form.cleaned_data)
        except ValidUntilOutOfRange:
            form.add_error("valid_until", _("Enter a day after today and no later than %s") % f"{latest:%-d %B %Y}")
        except StatementMissing:
            form.add_error("statement", _("Say in words what you checked"))
        except ContradictedByEvidence as error:
            form.add_error(None, _("The system sees something else. Put this right first: %s") % error)
        else:
            messages.success(request, _("Confirmed."))
            return redirect("compliance:item", ref)
    return _item_page(request, edition, wanted, form, WithdrawForm())


@require_http_methods(["POST"])
def item_withdraw(request: StaffRequest, ref: str) -> HttpResponse:
    edition = queries.current_edition()
    wanted = _item_or_404(edition, ref)
    form = WithdrawForm(request.POST)
    if form.is_valid():
        try:
            services.withdraw_confirmation(actor=request.actor, edition=edition, item_ref=ref, **form.cleaned_data)
        except StatementMissing:
            form.add_error("reason", _("Say why"))
        except NothingToWithdraw:
            messages.warning(request, _("There is no confirmation to withdraw."))
            return redirect("compliance:item", ref)
        else:
            messages.success(request, _("The confirmation is withdrawn."))
            return redirect("compliance:item", ref)
    policy.require(request.actor, CompliancePermission.CONFIRM_ITEM, at=ANYWHERE)
    latest = services.latest_valid_until(wanted, timezone.localdate())
    return _item_page(request, edition, wanted, ConfirmForm(item=wanted, latest=latest), form)


def _item_or_404(edition: Edition, ref: str) -> EvidenceItem:
    found = edition.item(ref)
    if found is None:
        raise Http404
    return found


def _item_page(
    request: StaffRequest, edition: Edition, wanted: EvidenceItem, form: ConfirmForm, withdraw_form: WithdrawForm
) -> HttpResponse:
    position = queries.position(request.actor, edition)
    assessed = next(row for row in position.assessment.items if row.item.ref == wanted.ref)
    history = list(queries.history(request.actor, edition, wanted.ref))
    names = access_queries.staff_names(request.actor.organisation_id, {row.confirmed_by for row in history})
    refs = [row.ref for row in (edition.mandatory if wanted.mandatory else edition.items)]
    at = refs.index(wanted.ref)
    context = {
        "edition": edition,
        "assessed": assessed,
        "item": wanted,
        "assertion": edition.assertion(wanted.assertion),
        "collected": next((row for row in position.collected if row.name == wanted.collector), None),
        "history": [(row, names.get(row.confirmed_by, _("The system"))) for row in history],
        "confirmed_by": names.get(assessed.standing.confirmed_by) if assessed.standing else None,
        "may_confirm": policy.allows(request.actor, CompliancePermission.CONFIRM_ITEM, at=ANYWHERE),
        "form": withdraw_form if withdraw_form.errors else form,
        "confirm_form": form,
        "withdraw_form": withdraw_form,
        "previous": refs[at - 1] if at else None,
        "following": refs[at + 1] if at + 1 < len(refs) else None,
    }
    failed = bool(form.errors or withdraw_form.errors)
    return render(request, "compliance/item.html", context, status=422 if failed else 200)


@require_GET
def backups_page(request: StaffRequest) -> HttpResponse:
    """When backups were made and tested, and when both come round next."""
    policy.require(request.actor, CompliancePermission.READ_BACKUPS, at=ANYWHERE)
    organisation = access_queries.organisation(request.actor.organisation_id)
    year = Period.year_before(timezone.now())
    drills = list(backups.queries.restore_drills(organisation.pk, year.since, year.until))
    context = {
        "organisation": organisation,
        "latest": backups.queries.latest_backup(),
        "runs": backups.queries.recent_runs(RUNS_SHOWN),
        "drills": drills[:RUNS_SHOWN],
        "running": backups.queries.running_drill(organisation.pk),
        "following": backups.queries.next_runs(),
        "now": year.until,
    }
    return render(request, "compliance/backups.html", context)
