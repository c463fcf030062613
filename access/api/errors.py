"""Errors in words that say what to do."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from access.errors import DuplicateRequest, EnvelopeError, NotPermitted
from access.events import AccessEvent
from access.middleware import seal_not_found, seal_refusal, seal_turned_away
from audit.errors import LedgerError


def explain(error: Exception, context: dict[str, Any]) -> Response | None:
    """Errors as {"detail": …} with what to do; outages as 503; refusals sealed."""
    request: HttpRequest = context["request"]._request
    if isinstance(error, NotPermitted):
        seal_refusal(request, error)
        return Response({"detail": _("You are not allowed to do this.")}, status=status.HTTP_403_FORBIDDEN)
    if isinstance(error, DuplicateRequest):
        detail = _("This Idempotency-Key was used for another request. Send a new key.")
        return Response({"detail": detail}, status=status.HTTP_409_CONFLICT)
    if isinstance(error, RequestDataTooBig):
        detail = _("The body is too large. A note holds at most 4,000 characters.")
        return Response({"detail": detail}, status=status.HTTP_413_REQUEST_ENTITY_TOO_LARGE)
    if isinstance(error, OperationalError | InterfaceError | LedgerError | EnvelopeError):
        return Response({"detail": _("The service is not available. Try again soon.")}, status=503)
    if isinstance(error, Http404):
        seal_not_found(request)
    if isinstance(error, exceptions.PermissionDenied):  # the session's own check: a write without the page's token
        seal_turned_away(request, AccessEvent.FORGED)
    if isinstance(error, exceptions.AuthenticationFailed):
        seal_turned_away(request, AccessEvent.TOKEN_REFUSED)
    return exception_handler(error, context)
