"""The pages that a family reads: one resident's access report, through a link and a code, without an account.

What keeps it: the link (192 random bits) and a code told by another way; five wrong codes close the link for good; an
hour after the code the page asks again. The proof of the code is one signed cookie, bound to this address. The pages
send no referrer, so browsers name no origin with their forms either, and Django's own check has nothing to hold them
against: each form carries a digest of the cookie instead, which no other site can know.
Nothing of the resident is shown, not even the name, before the code was right. A link that is unknown, withdrawn,
blocked or of an erased resident always gets the same answer.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

import access.queries
from access.http import names_its_organisation
from compliance.access_reports import queries, services
from compliance.access_reports.forms import AskForm, CodeForm
from compliance.access_reports.people import names_setting, people
from compliance.access_reports.services.questions import ANSWER_WITHIN, look
from compliance.access_reports.visitors import Visitor
from compliance.errors import AlreadyAsked, LinkBlocked, LinkExpired, UnknownLink, UnknownLook, WrongCode
from compliance.models import AccessReportShare

_COOKIE = "carehome_my_record" if settings.INSECURE_HTTP else "__Secure-carehome_my_record"
_SALT, _KEPT_SECONDS = "compliance.my_record", 60 * 60


class FamilyRequest(HttpRequest):
    """A request with a link that still opens, or whose time is over; nobody has said the code yet."""

    organisation_id: UUID
    share: AccessReportShare


def _family(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Find the link first; without one there is one answer. Every answer keeps the address to itself."""

    @csrf_exempt
    @names_its_organisation
    @require_http_methods(["GET", "POST"])
    @wraps(view)
    def guarded(request: Any, code: str, token: str, **more: Any) -> HttpResponse:
        try:
            if request.organisation_id is None:
                raise UnknownLink
            request.share = services.find_share(token)
            response = view(request, code, token, **more)
        except UnknownLink:
            response = render(request, "my_record/unknown.html", status=404)
        except LinkExpired as expired:
            response = render(request, "my_record/ended.html", {"share": expired.share}, status=410)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        return response

    return guarded


@_family
def report(request: FamilyRequest, code: str, token: str) -> HttpResponse:
    """The code first, then the report."""
    if not _said_code(request):
        return _ask_code(request, code, token)
    if request.method == "POST":
        return _back(request, code, token)
    visitor = services.visitor_of(request.share)
    found = queries.visitor_report(visitor, page=request.GET.get("page", "1"))
    services.note_opened(visitor, page="my_record:report")
    context = _context(request, code, token, visitor) | {
        "report": found,
        "page": found.page,
        "full_names": names_setting(visitor.organisation_id) == "full",
    }
    return render(request, "my_record/report.html", context)


def _ask_code(request: FamilyRequest, code: str, token: str) -> HttpResponse:
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            services.check_code(share=request.share, code=form.cleaned_data["code"])
        except WrongCode:
            form.add_error("code", _("That is not the code of this link. Check it and try again"))
        except LinkBlocked:
            return render(request, "my_record/blocked.html", status=403)
        else:
            response = _back(request, code, token)
            _remember(request, response, code, token)
            return response
    context = {"form": form, "organisation": access.queries.organisation(request.organisation_id)}
    return render(request, "my_record/code.html", context, status=422 if form.errors else 200)


@_family
def ask(request: FamilyRequest, code: str, token: str, entry_id: UUID) -> HttpResponse:
    """Ask why: a few words, or none."""
    if not _said_code(request):
        return _back(request, code, token)
    visitor = services.visitor_of(request.share)
    try:
        entry = look(visitor, visitor.resident, entry_id)
    except UnknownLook:
        return _back(request, code, token)
    services.note_opened(visitor, page="my_record:ask")
    form = AskForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        if not _own_form(request):
            return render(request, "my_record/again.html", _context(request, code, token, visitor), status=403)
        with suppress(AlreadyAsked):  # sent twice: the question stands on the page they come back to
            services.ask_why(asker=visitor, resident=visitor.resident, entry_id=entry_id, **form.cleaned_data)
        return _back(request, code, token, "#questions")
    known = people(
        visitor.organisation_id,
        {entry.actor},
        care_home_id=visitor.resident.care_home_id,
        names=names_setting(visitor.organisation_id),
        own_ref=visitor.ref,
    )
    context = _context(request, code, token, visitor) | {"form": form, "entry": entry, "person": known[entry.actor]}
    return render(request, "my_record/ask.html", context, status=422 if form.errors else 200)


@_family
def close(request: FamilyRequest, code: str, token: str) -> HttpResponse:
    """Forget the code in this browser: for a borrowed computer."""
    response = _back(request, code, token)
    if request.method == "POST" and _own_form(request):
        response.delete_cookie(_COOKIE, path=_path(code, token), samesite="Lax")
    return response


# --- the proof of the code ------------------------------------------------------------------------------------------
def _path(code: str, token: str) -> str:
    return reverse("my_record:report", args=[code, token])


def _back(request: FamilyRequest, code: str, token: str, place: str = "") -> HttpResponse:
    response = HttpResponse(status=303)
    response["Location"] = _path(code, token) + place
    return response


def _proof(share: AccessReportShare) -> str:
    return f"{share.pk}:{bytes(share.code_digest).hex()}"


def _remember(request: FamilyRequest, response: HttpResponse, code: str, token: str) -> None:
    digest = salted_hmac(_SALT, _proof(request.share)).hexdigest()
    response.set_cookie(
        _COOKIE,
        signing.dumps(digest, salt=_SALT),
        max_age=_KEPT_SECONDS,
        path=_path(code, token),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _said_code(request: FamilyRequest) -> bool:
    try:
        said = signing.loads(request.COOKIES.get(_COOKIE, ""), salt=_SALT, max_age=_KEPT_SECONDS)
    except signing.BadSignature:
        return False
    expected = salted_hmac(_SALT, _proof(request.share)).hexdigest()
    return isinstance(said, str) and constant_time_compare(said, expected)


def _form_token(request: FamilyRequest) -> str:
    return salted_hmac(f"{_SALT}.form", request.COOKIES.get(_COOKIE, "")).hexdigest()


def _own_form(request: FamilyRequest) -> bool:
    return constant_time_compare(request.POST.get("form_token", ""), _form_token(request))


def _context(request: FamilyRequest, code: str, token: str, visitor: Visitor) -> dict[str, Any]:
    return {
        "visitor": visitor,
        "share": visitor.share,
        "resident": visitor.resident,
        "organisation": access.queries.organisation(visitor.organisation_id),
        "care_home": visitor.resident.care_home,
        "form_token": _form_token(request),
        "code": code,
        "token": token,
        "days": ANSWER_WITHIN.days,
    }
