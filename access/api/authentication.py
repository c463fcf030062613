"""Who asks: the page session with a CSRF token, or a bearer token."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from access import services
from access.actors import Actor
from audit.context import origin_or_none


def _never_asked(request: Any) -> Any:
    raise NotImplementedError("The CSRF check only looks at the request.")


class SessionAuthentication(BaseAuthentication):
    """The page session; a write needs the CSRF token. The lock stands before this: a locked session gets 423."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        inner: Any = request._request
        if getattr(inner, "actor", None) is None:
            return None
        check: Any = CSRFCheck(_never_asked)
        failure = check.process_view(inner, None, (), {})
        if failure:
            raise exceptions.PermissionDenied(_("The CSRF token is missing or stale."))
        return inner.user, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="carehome"'


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer carehome.<organisation code>.<secret>`, as the person the token stands for."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        inner: Any = request._request
        found = services.find_token(token) if inner.organisation_id else None
        if found is None:
            raise exceptions.AuthenticationFailed(_("The token is unknown or has ended."))
        inner.user, inner.actor = found.staff, Actor.of(found.staff)
        origin = origin_or_none()
        if origin is not None:
            origin.actor, origin.device = inner.actor.ref, found.ref
        return found.staff, found

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="carehome"'


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "__Host-carehome_session"}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
