"""Error pages: what happened, what to do, a reference number. No technical words, and typed text is given back."""

import secrets
import sys

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError as BrokerError

from access.errors import EnvelopeError, WrappingKeyMissing
from access.events import AccessEvent
from access.http import wants_json
from access.middleware import seal_turned_away
from audit.errors import LedgerError

log = structlog.get_logger(__name__)
_OUTAGES = (OperationalError, InterfaceError, BrokerError, LedgerError, WrappingKeyMissing, EnvelopeError)
_LONGEST_KEPT = 20_000  # characters of a posted field that an error page gives back


@login_not_required
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        text = _("That is more text than fits: a note holds 4,000 characters. Go back, shorten it and save again.")
        if wants_json(request):
            return JsonResponse({"detail": text}, status=413)
        context = {"title": _("That is too much text"), "text": text}
        return render(request, "carehome/message.html", context, status=413)
    return _answer(request, 400, "400.html", _("The request could not be read."))


@login_not_required
def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 403, "403.html", _("You are not allowed to do this."))


@login_not_required
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 404, "404.html", _("Not found."))


@login_not_required
def server_error(request: HttpRequest) -> HttpResponse:
    """503 where something we lean on is away (database, broker, key, ledger), else 500."""
    error, reference = sys.exc_info()[1], secrets.token_hex(4).upper()
    outage = isinstance(error, _OUTAGES)
    log.error("request_failed", ref=reference, error=type(error).__name__, state="outage" if outage else "fault")
    if outage:
        return _answer(
            request, 503, "503.html", _("The service is not available. Try again soon."), reference=reference
        )
    return _answer(request, 500, "500.html", _("Something went wrong on our side."), reference=reference)


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A page left open too long: what was typed is given back to copy, and nothing was saved. Sealed as a refusal."""
    seal_turned_away(request, AccessEvent.FORGED)
    kept = [
        (name, str(value)[:_LONGEST_KEPT])
        for name, value in request.POST.items()
        if name not in {"csrfmiddlewaretoken", "password", "pin"} and str(value).strip()
    ]
    return render(request, "csrf_failure.html", {"kept": kept}, status=403)


def _answer(request: HttpRequest, status: int, template: str, detail: str, **context: str) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"detail": detail, **context}, status=status)
    return render(request, template, context, status=status)
