"""What a request carries once it is through the doors, and small HTTP answers shared by the views."""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, ResolverMatch, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from access.actors import Actor
from access.models import Device, Session, Staff

View = TypeVar("View", bound=Callable[..., HttpResponse])


class StaffRequest(HttpRequest):
    """A request of a signed-in person."""

    actor: Actor
    user: Staff
    organisation_id: UUID
    staff_session: Session
    device: Device | None


def open_while_locked(view: View) -> View:
    """Mark a view that a locked session may reach: the lock's own pages and nothing that shows a record."""
    view.open_while_locked = True  # type: ignore[attr-defined]
    return view


def names_its_organisation(view: View) -> View:
    """Mark a view for people without an account: its address carries the organisation's code (`code`).

    No session is read or written, so whoever is signed in stays so, and is nobody in particular on such a page.
    """
    view.login_required = False  # type: ignore[attr-defined]
    view.open_while_locked = True  # type: ignore[attr-defined]
    view.names_its_organisation = True  # type: ignore[attr-defined]
    return view


def match_of(request: HttpRequest) -> ResolverMatch | None:
    """Which view the request is for; None where there is none. Kept on the request."""
    if not hasattr(request, "_carehome_match"):
        try:
            match: ResolverMatch | None = resolve(request.path_info)
        except Resolver404:
            match = None
        request._carehome_match = match  # type: ignore[attr-defined]
    return request._carehome_match  # type: ignore[attr-defined, no-any-return]


def view_is(request: HttpRequest, flag: str, default: bool) -> bool:
    match = match_of(request)
    return bool(getattr(match.func, flag, default)) if match else default


def wants_json(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/") or request.headers.get("Accept", "").startswith("application/json")


def is_background(request: HttpRequest) -> bool:
    """A request that no hand made: polling says so itself, and never counts as activity."""
    return request.headers.get("X-Background") == "1"


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def send_to(request: HttpRequest, name: str, *, status: int, state: str) -> HttpResponse:
    """Turn a request away: a redirect for a page, `status` with JSON or an HX-Redirect for a script."""
    target = reverse(name)
    if request.method == "GET" and not is_htmx(request) and not wants_json(request):
        target = f"{target}?{urlencode({'next': request.get_full_path()})}"
    if wants_json(request):
        return JsonResponse({"state": state, "detail": MESSAGES[state]}, status=status)
    if is_htmx(request) or is_background(request):
        return HttpResponse(status=status, headers={"HX-Redirect": target})
    response = HttpResponse(status=303)
    response["Location"] = target
    return response


MESSAGES = {
    "locked": "This session is locked. Unlock it, then try again.",
    "signed_out": "Sign in, then try again.",
    "no_organisation": "Say which organisation this is for, then try again.",
    "ended": "Your access has ended.",
}


def safe_next(request: HttpRequest, target: str | None, default: str) -> str:
    """The page to go on to: only one of our own."""
    if target and target.startswith("/") and url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        return target
    return default
