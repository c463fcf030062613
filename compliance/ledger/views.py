"""Pages of the explorer: the list, the timeline, the hours, one entry, whom to choose, how the log is checked."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

import audit.queries
from access import queries as access_queries
from access.http import StaffRequest
from access.models import CareHome, Device
from access.policies import ANYWHERE
from audit.models import Event
from audit.signing import signer
from compliance.errors import UnknownAlert
from compliance.ledger import heatmap, people, services
from compliance.ledger.details import details
from compliance.ledger.filters import DEFAULT, Filters, cursor, read
from compliance.ledger.forms import FilterForm, WhomForm
from compliance.ledger.lines import by_day, lines
from compliance.ledger.names import resident_names
from compliance.ledger.proving import covering_checkpoint, prove, seal_of
from compliance.ledger.queries import Scope, Search, alert_of, scope_of
from compliance.ledger.sentences import name_of
from compliance.ledger.standing import standing
from compliance.ledger.summary import PERIOD_WORDS, WEEKDAYS, chips, in_words
from compliance.policies import CompliancePermission, policy

_TABS = ("ledger", "ledger_timeline", "ledger_hours")


@require_GET
def ledger(request: StaffRequest) -> HttpResponse:
    return _entries(request, "compliance/ledger.html")


@require_GET
def ledger_timeline(request: StaffRequest) -> HttpResponse:
    """The same entries by day, for following one person or one resident."""
    return _entries(request, "compliance/ledger_timeline.html")


def _entries(request: StaffRequest, template: str) -> HttpResponse:
    scope, filters, search = _asked(request)
    begin = cursor(request.GET)
    page = search.page(begin)
    rows = lines(request.actor, page.entries, [] if begin else search.open_views())
    context = _frame(request, scope, filters, search) | {
        "rows": rows,
        "days": by_day(rows),
        "newer": _paged(filters, "after", page.newer),
        "older": _paged(filters, "before", page.older),
        "looked_back_to": page.looked_back_to,
    }
    return render(request, template, context)


@require_GET
def ledger_hours(request: StaffRequest) -> HttpResponse:
    """How many entries in each hour of each weekday."""
    scope, filters, search = _asked(request)
    counted, since = search.hours()
    cells = heatmap.grid(counted)
    first = timezone.localtime(since).date()
    context = _frame(request, scope, filters, search) | {
        "grid": [
            {"hour": row[0].hour, "cells": [(cell, _of_cell(filters, cell, first)) for cell in row]} for row in cells
        ],
        "weekdays": WEEKDAYS,
        "busiest": max((cell.count for row in cells for cell in row), default=0),
        "total": sum(counted.values()),
        "counted_since": since,
        "cut": since > search.since and bool(counted),
        "span_weeks": search.hours_span.days // 7,
    }
    return render(request, "compliance/ledger_hours.html", context)


@require_GET
def ledger_entry(request: StaffRequest, event_id: UUID) -> HttpResponse:
    return _entry(request, event_id)


@require_POST
def ledger_entry_verify(request: StaffRequest, event_id: UUID) -> HttpResponse:
    """The same page with the entry recomputed before one's eyes."""
    return _entry(request, event_id, verify=True)


def _entry(request: StaffRequest, event_id: UUID, *, verify: bool = False) -> HttpResponse:
    event = _event(request, event_id)
    services.note_opened(actor=request.actor, event=event, page="compliance:ledger_entry")
    seal = seal_of(event)
    context = {
        "event": event,
        "line": lines(request.actor, [event])[0],
        "seal": seal,
        "checkpoint": covering_checkpoint(seal) if seal else None,
        "details": details(request.actor, event),
        "residents": _named(request, event),
        "proof": prove(event) if verify else None,
        "leaf": bytes(seal.leaf).hex() if seal else "",
        "digest": bytes(seal.digest).hex() if seal else "",
    }
    return render(request, "compliance/ledger_entry.html", context)


def _named(request: StaffRequest, event: Event) -> list[str]:
    """Whom the entry names, in the order of their names; those without a live record are said to be gone."""
    refs = [f"resident:{resident}" for resident in event.residents]
    names = resident_names(request.actor, event.residents)
    return sorted((name_of(ref, names) for ref in refs), key=str.casefold)


@require_http_methods(["GET", "POST"])
def ledger_choose(request: StaffRequest, whom: str) -> HttpResponse:
    """Choosing a person or a resident; a name that is searched for is posted, and stands in no address."""
    scope, filters = scope_of(request.actor), read(request.GET)
    form = WhomForm(request.POST if request.method == "POST" else None)
    words = form.cleaned_data["words"] if form.is_bound and form.is_valid() else ""
    found = (people.people if whom == "person" else people.residents)(request.actor, scope, words)
    if words:
        services.note_searched(actor=request.actor, whom=whom, words=words, found=len(found))
    context = {
        "whom": whom,
        "form": form,
        "words": words,
        "choices": [(choice, reverse("compliance:ledger") + filters.query(**{whom: choice.value})) for choice in found],
        "more": len(found) == people.SHOWN,
        "system_url": reverse("compliance:ledger") + filters.query(person="system") if whom == "person" else "",
        "back_url": reverse("compliance:ledger") + filters.query(),
    }
    return render(request, "compliance/ledger_choose.html", context, status=422 if form.errors else 200)


@require_GET
def ledger_checks(request: StaffRequest) -> HttpResponse:
    """How the log is checked, and what the last checks found."""
    scope = scope_of(request.actor)
    now = timezone.now()
    context = {
        "standing": standing(scope.organisation_id, now),
        "runs": list(audit.queries.verifications(scope.organisation_id, now - timedelta(days=7), now)[:20]),
        "checkpoint": audit.queries.latest_checkpoint(scope.organisation_id),
        "fingerprint": signer().fingerprint,
        "anchors": audit.queries.anchor_health(scope.organisation_id, now=now),
    }
    return render(request, "compliance/ledger_checks.html", context)


# --- what the pages share -------------------------------------------------------------------------------------------
def _asked(request: StaffRequest) -> tuple[Scope, Filters, Search]:
    scope, filters = scope_of(request.actor), read(request.GET)
    try:
        alert = alert_of(request.actor, filters)
    except UnknownAlert as error:
        raise Http404 from error
    if filters.home and not scope.whole and filters.home not in scope.homes:
        raise Http404
    return scope, filters, Search(scope, filters, now=timezone.now(), alert=alert)


def _event(request: StaffRequest, event_id: UUID) -> Event:
    scope = scope_of(request.actor)
    event = Event.objects.filter(organisation_id=scope.organisation_id, pk=event_id).first()
    if event is None or not scope.shows(event):
        raise Http404
    return event


def _paged(filters: Filters, name: str, place: Any) -> str:
    if place is None:
        return ""
    query = filters.query()
    return f"{query}{'&' if len(query) > 1 else ''}{name}={place.text}"


def _frame(request: StaffRequest, scope: Scope, filters: Filters, search: Search) -> dict[str, Any]:
    """Filters, chips, tabs and the standing of the log, the same on each of the three pages."""
    homes = list(CareHome.objects.filter(organisation_id=scope.organisation_id, pk__in=scope.homes).order_by("name"))
    devices = list(
        Device.objects.filter(organisation_id=scope.organisation_id, care_home_id__in=scope.homes)
        .select_related("care_home")
        .order_by("care_home__name", "name")
    )
    period = filters.period or DEFAULT
    dated = bool(filters.since or filters.until or filters.alert or filters.number is not None)
    return {
        "filters": filters,
        "filter_form": FilterForm(filters, homes, devices),
        "chips": [(chip.words, filters.without(*chip.names)) for chip in chips(request.actor, filters)],
        "chosen": in_words(request.actor, filters),
        "presets": [
            (label, filters.query(period=code, since=None, until=None), not dated and code == period)
            for code, label in PERIOD_WORDS.items()
        ],
        "tabs": [(reverse(f"compliance:{name}") + filters.query(), name) for name in _TABS],
        "this_tab": request.resolver_match.url_name if request.resolver_match else "",
        "standing": standing(scope.organisation_id, timezone.now()),
        "may_export": policy.allows(request.actor, CompliancePermission.EXPORT_LEDGER, at=ANYWHERE),
        "export_url": reverse("compliance:ledger_export_new") + filters.query(),
        "choose_resident_url": reverse("compliance:ledger_choose", args=["resident"]) + filters.query(),
        "choose_person_url": reverse("compliance:ledger_choose", args=["person"]) + filters.query(),
        "organisation": access_queries.organisation(scope.organisation_id),
    }


def _of_cell(filters: Filters, cell: heatmap.Cell, first: Any) -> str:
    """The list of what one cell counts."""
    since = filters.since or first
    if filters.since and filters.since < first:
        since = first
    query = filters.query(hour=cell.hour, weekday=cell.weekday, since=since, period="")
    return reverse("compliance:ledger") + query if cell.count else ""
