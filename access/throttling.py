"""What django-axes counts by: a keyed digest of the account and an address that nobody can forge.

Never by address alone: one typo must not lock out a whole home that shares an address.
"""

import hashlib
import hmac
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _


def account_key(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The organisation and account as a keyed digest: axes' tables are no tenant's and hold no email."""
    email = str((credentials or {}).get("email") or request.POST.get("email", "")).strip().casefold()
    organisation_id = getattr(request, "organisation_id", None)
    message = f"{organisation_id}:{email}".encode()
    return hmac.digest(settings.SECRET_KEY.encode(), message, hashlib.sha256).hex()[:40]


def client_address(request: HttpRequest) -> str:
    """The peer's address, or what the outermost of our own proxies saw; forged forwarding headers change nothing."""
    peer = str(request.META.get("REMOTE_ADDR") or "127.0.0.1")
    if not settings.TRUSTED_PROXIES:
        return peer
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    return hops[-settings.TRUSTED_PROXIES] if len(hops) >= settings.TRUSTED_PROXIES else peer


def locked_out(
    request: HttpRequest, response: Any = None, credentials: Any = None, *args: Any, **kwargs: Any
) -> HttpResponse:
    return render(
        request,
        "carehome/message.html",
        {
            "title": _("Too many tries"),
            "text": _(
                "This account is paused on this connection for 15 minutes. Wait, then try again, or ask your manager."
            ),
        },
        status=429,
    )
