"""The doors, in the order in which settings names them: organisation → session → lock → staff → refusals → views."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import UpdateError
from django.core import signing
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import constant_time_compare

import audit.services
from access import services
from access.actors import Actor
from access.errors import NotPermitted
from access.events import AccessEvent
from access.http import is_background, match_of, send_to, view_is, wants_json
from access.models import Directory, Session
from access.sessions import SessionStore
from access.tenancy import acting_for
from audit.context import Origin, acting, origin_or_none
from audit.errors import LedgerError
from audit.models import EventKind
from audit.reading import Reading, collecting

log = structlog.get_logger(__name__)
Answer = Callable[[HttpRequest], HttpResponse]

ORGANISATION_COOKIE = "carehome_organisation" if settings.INSECURE_HTTP else "__Host-carehome_organisation"
DEVICE_COOKIE = "carehome_device" if settings.INSECURE_HTTP else "__Host-carehome_device"
_SALT = "access.organisation"
_YEAR = 365 * 24 * 60 * 60


def organisation(get_response: Answer) -> Answer:
    """Find the organisation before anything of it is read.

    By the address of a page that carries its code, by an API token, or by the cookie of a code once typed.
    """

    def middleware(request: Any) -> HttpResponse:
        request.organisation_id = _organisation_of(request)
        if request.organisation_id is None:
            return get_response(request)
        with acting_for(request.organisation_id):
            return get_response(request)

    return middleware


def _organisation_of(request: HttpRequest) -> UUID | None:
    if view_is(request, "asks_nothing", False):
        return None
    if view_is(request, "names_its_organisation", False):
        return _organisation_with(str(match_of(request).kwargs["code"]))  # type: ignore[union-attr]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        code = services.token_parts(token)[0]
        return _organisation_with(code)
    try:
        return UUID(signing.loads(request.COOKIES.get(ORGANISATION_COOKIE, ""), salt=_SALT, max_age=_YEAR))
    except (signing.BadSignature, ValueError, TypeError):
        return None


def _organisation_with(code: str) -> UUID | None:
    return Directory.objects.filter(code=code).values_list("organisation_id", flat=True).first()


def remember_organisation(response: HttpResponse, organisation_id: UUID) -> None:
    response.set_cookie(
        ORGANISATION_COOKIE,
        signing.dumps(str(organisation_id), salt=_SALT),
        max_age=_YEAR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def session(get_response: Answer) -> Answer:
    """Load the session of this organisation, and save it if it changed."""

    def middleware(request: Any) -> HttpResponse:
        if view_is(request, "names_its_organisation", False):
            request.session, request.staff_session, request.device = SessionStore(), None, None
            return get_response(request)
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME) if request.organisation_id else None
        request.session = SessionStore(key)
        request.staff_session = _staff_session(request)
        request.device = request.staff_session.device if request.staff_session else _device_of(request)
        response = get_response(request)
        _save(request, response)
        return response

    return middleware


def _staff_session(request: Any) -> Session | None:
    """The row, if somebody is signed in who still may be, with their present password, on the session's own device."""
    if request.organisation_id is None or not request.session.get("_auth_user_id"):
        return None
    row = request.session.row
    if row is None or row.staff is None:
        return None
    current = constant_time_compare(request.session.get(HASH_SESSION_KEY, ""), row.staff.get_session_auth_hash())
    if current and row.staff.may_sign_in() and _on_its_device(request, row):
        return row  # type: ignore[no-any-return]
    blocked = row.device is not None and row.device.blocked_at is not None
    services.end_session(row=row, reason="tablet blocked" if blocked else "no longer valid")
    request.session.flush()
    return None


def _on_its_device(request: HttpRequest, row: Session) -> bool:
    if row.device is None:
        return True
    secret = hashlib.sha256(request.COOKIES.get(DEVICE_COOKIE, "").encode()).digest()
    return row.device.blocked_at is None and hmac.compare_digest(secret, bytes(row.device.secret_digest))


def _device_of(request: HttpRequest) -> Any:
    secret = request.COOKIES.get(DEVICE_COOKIE)
    return services.find_device(secret) if secret and request.organisation_id else None  # type: ignore[attr-defined]


def _save(request: Any, response: HttpResponse) -> None:
    if request.organisation_id is None:
        return
    if request.session.is_empty():
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            response.delete_cookie(settings.SESSION_COOKIE_NAME, samesite="Lax")
        return
    if request.session.modified and response.status_code != 500:
        try:
            request.session.save()
        except UpdateError:  # it ended, or got another key, while this request was under way; what was done is done
            return
        response.set_cookie(
            settings.SESSION_COOKIE_NAME,
            request.session.session_key,
            max_age=settings.SESSION_COOKIE_AGE,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def lock(get_response: Answer) -> Answer:
    """The lock is the server's: an idle or locked session gets the lock page (or 423) and nothing else."""

    def middleware(request: Any) -> HttpResponse:
        row: Session | None = request.staff_session
        if row is None:
            return get_response(request)
        if row.signed_in_at and timezone.now() - row.signed_in_at >= services.ABSOLUTE_LIMIT:
            services.end_session(row=row, reason="twelve hours")
            request.session.flush()
            request.staff_session = None
            return get_response(request)
        if row.locked_at is None and timezone.now() - row.last_input_at >= services.idle_limit(row):
            services.lock_session(row=row, reason="idle")
        if row.locked_at is not None and not view_is(request, "open_while_locked", False):
            if not is_background(request):
                services.refuse_while_locked(row=row, page=_page(request))
            return send_to(request, "access:lock", status=423, state="locked")
        if row.locked_at is None and not is_background(request) and view_is(request, "counts_as_input", True):
            services.note_input(row)
        return get_response(request)

    return middleware


def staff(get_response: Answer) -> Answer:
    """Name the person (or refuse): every page needs one unless its view says otherwise, and access that has ended."""

    def middleware(request: Any) -> HttpResponse:
        row: Session | None = request.staff_session
        request.user = row.staff if row and row.staff else AnonymousUser()
        request.actor = Actor.of(row.staff, request.device) if row and row.staff else None
        if request.actor is None:
            return _without_person(request, get_response)
        open_view = not view_is(request, "login_required", True) or view_is(request, "open_while_locked", False)
        if not open_view and not request.actor.care_home_ids():
            services.end_session(row=row, reason="access ended")
            request.session.flush()
            return _ended(request)
        with acting(Origin(request.organisation_id, request.actor.ref, row.device.ref if row and row.device else None)):
            return get_response(request)

    return middleware


def _without_person(request: Any, get_response: Answer) -> HttpResponse:
    if match_of(request) is None or not view_is(request, "login_required", True):
        if request.organisation_id is None:
            return get_response(request)
        # A token names its person later (access.api.authentication); until then it is a visitor who acts.
        device = request.device.ref if request.device else None
        with acting(Origin(request.organisation_id, "visitor:unknown", device)):
            return get_response(request)
    if request.organisation_id is None:
        return send_to(request, "access:organisation", status=401, state="no_organisation")
    return send_to(request, "access:sign_in", status=401, state="signed_out")


def _ended(request: HttpRequest) -> HttpResponse:
    if wants_json(request):
        return send_to(request, "access:sign_in", status=401, state="ended")
    return render(request, "access/access_ended.html", status=403)


class Refusals:
    """A refusal is sealed after the rollback of what was refused, then answered with a page that says what to do."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: Any, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Http404):
            seal_not_found(request)
        if not isinstance(exception, NotPermitted):
            return None
        seal_refusal(request, exception)
        return render(request, "403.html", status=403)


def seal_refusal(request: Any, refused: NotPermitted) -> None:
    audit.services.append(
        organisation_id=request.organisation_id,
        actor=request.actor.ref,
        action=AccessEvent.REFUSED,
        subject=f"care_home:{refused.at}" if refused.at else f"organisation:{request.organisation_id}",
        detail={"permission": refused.permission, "page": _page(request)},
        kind=EventKind.REFUSAL,
    )


def seal_not_found(request: Any) -> None:
    """An id that is not there for this person: one of another organisation, or nobody's. The entry is the same."""
    match = match_of(request)
    asked = {name: str(value) for name, value in match.kwargs.items() if isinstance(value, UUID)} if match else {}
    if asked and request.actor is not None:
        seal_turned_away(request, AccessEvent.NOT_FOUND, asked=asked)


def seal_turned_away(request: Any, action: AccessEvent, **detail: Any) -> None:
    """A refusal of a request that named no permission; of a visitor, too, where the organisation is known."""
    if request.organisation_id is None:
        return
    actor = getattr(request, "actor", None)
    audit.services.append(
        organisation_id=request.organisation_id,
        actor=actor.ref if actor else "visitor:unknown",
        action=action,
        subject=f"organisation:{request.organisation_id}",
        detail={"page": _page(request), **detail},
        kind=EventKind.REFUSAL,
    )


def views(get_response: Answer) -> Answer:
    """The residents whose records came by are written down before the answer leaves; if it can't be, 503.

    A view repeated within its minute is counted, and sealed as one entry (audit.open_views).
    """

    def middleware(request: Any) -> HttpResponse:
        with collecting() as reading:
            response = get_response(request)
        if not reading.residents or not (response.status_code < 300 or response.status_code == 422):
            return response
        try:
            _seal_reading(request, reading)
        except (LedgerError, DatabaseError):
            log.error("ledger_unavailable", route=_page(request))
            return render(request, "503.html", status=503)
        return response

    return middleware


def _seal_reading(request: Any, reading: Reading) -> None:
    origin = origin_or_none()
    unnamed = reading.residents - (origin.covered if origin else set())
    if not unnamed or request.actor is None:
        return
    one = len(unnamed) == 1
    homes = reading.care_homes
    home = next(iter(homes)) if len(homes) == 1 else None
    audit.services.note_view(
        organisation_id=request.organisation_id,
        actor=request.actor.ref,
        action="records.resident.viewed" if one else "records.resident_list.viewed",
        subject=f"resident:{next(iter(unnamed))}"
        if one
        else f"care_home:{home}"
        if home
        else f"organisation:{request.organisation_id}",
        page=_page(request),
        residents=unnamed,
        care_home_id=home,
    )


def _page(request: HttpRequest) -> str:
    match = match_of(request)
    return match.view_name if match else "none"
