"""Coming in as a person, without typing a password in every test."""

from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core import signing
from django.test import Client
from django.utils import timezone

from access.middleware import _SALT, DEVICE_COOKIE, ORGANISATION_COOKIE
from access.models import Device, Session, Staff
from access.sessions import SessionStore
from access.tenancy import acting_for


def session_cookies(staff: Staff, device: Device | None = None, secret: str = "") -> dict[str, str]:
    """The cookies of a fresh session of this person."""
    with acting_for(staff.organisation_id):
        store = SessionStore()
        store[SESSION_KEY] = str(staff.pk)
        store[BACKEND_SESSION_KEY] = "access.backends.StaffBackend"
        store[HASH_SESSION_KEY] = staff.get_session_auth_hash()
        store.save()
        now = timezone.now()
        Session.objects.filter(pk=store.row.pk).update(staff=staff, device=device, signed_in_at=now, last_input_at=now)
    cookies = {
        settings.SESSION_COOKIE_NAME: str(store.session_key),
        ORGANISATION_COOKIE: signing.dumps(str(staff.organisation_id), salt=_SALT),
    }
    return cookies | ({DEVICE_COOKIE: secret} if secret else {})


def client_of(staff: Staff, device: Device | None = None, secret: str = "", **options: Any) -> Client:
    client = Client(**options)
    client.cookies.load(session_cookies(staff, device, secret))
    return client
