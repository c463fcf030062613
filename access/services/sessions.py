"""Signing in and out, locking and unlocking. The lock's columns change by single statements only."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import authenticate, login
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

import audit.services
from access.actors import Actor
from access.backends import email_index
from access.errors import PinNotAllowed, WrongPassword
from access.events import AccessEvent
from access.models import Device, Session, Staff
from access.services.staff import PinHasher
from audit.models import Event, EventKind

ABSOLUTE_LIMIT = timedelta(hours=12)
PIN_TRIES = 5
_INPUT_GRAIN = timedelta(seconds=5)  # how exactly the last input is kept: one write in five seconds at most
_OFFICE_LIMIT = timedelta(minutes=10)


def sign_in(request: Any, *, email: str, password: str) -> Staff:
    """Check the password (throttled by django-axes) and open a fresh session. Raises WrongPassword.

    Appends access.session.signed_in.
    """
    staff = authenticate(request, email=email, password=password)
    if not isinstance(staff, Staff):
        raise WrongPassword  # outside any transaction: the count of failures must stay
    _open(request, staff)
    return staff


@transaction.atomic
def _open(request: Any, staff: Staff) -> None:
    request.session.flush()
    login(request, staff, backend="access.backends.StaffBackend")
    request.session.save()
    now, device = timezone.now(), request.device
    Session.objects.filter(pk=request.session.row.pk).update(
        staff=staff, device=device, signed_in_at=now, last_input_at=now, locked_at=None, pin_failures=0
    )
    request.session.row.refresh_from_db()
    request.staff_session, request.user = request.session.row, staff
    if device:
        Device.objects.filter(pk=device.pk).update(last_seen_at=now)
    _append(staff, AccessEvent.SIGNED_IN, request.session.row)


def sign_in_failed(request: Any, *, email: str) -> None:
    """A failed sign-in is sealed without saying whose account it was, or whether there is one.

    email: as it was typed, which may be a password; the entry holds its keyed digest, by which equal tries are known.
    Appends access.session.sign_in_failed, or access.session.sign_in_throttled where it was not even tried.
    """
    throttled = bool(getattr(request, "axes_locked_out", False))
    audit.services.append(
        organisation_id=request.organisation_id,
        actor="visitor:unknown",
        action=AccessEvent.SIGN_IN_THROTTLED if throttled else AccessEvent.SIGN_IN_FAILED,
        subject=f"organisation:{request.organisation_id}",
        detail={"account": email_index(request.organisation_id, email).hex()},
        kind=EventKind.REFUSAL if throttled else EventKind.ACT,
    )


@transaction.atomic
def sign_out(request: Any) -> None:
    row = request.staff_session
    if row is not None and row.staff is not None:
        _append(row.staff, AccessEvent.SIGNED_OUT, row)
    request.session.flush()
    request.staff_session = None


def idle_limit(row: Session) -> timedelta:
    """How long this screen may stand untouched: by the home of the tablet, else the office limit."""
    return row.device.care_home.idle_limit_tablet if row.device else _OFFICE_LIMIT


def note_input(row: Session) -> None:
    """A hand touched the screen; never called for background requests."""
    now = timezone.now()
    if now - row.last_input_at < _INPUT_GRAIN:
        return
    Session.objects.filter(pk=row.pk, locked_at__isnull=True).update(last_input_at=now)
    row.last_input_at = now


@transaction.atomic
def lock_session(*, row: Session, reason: str) -> None:
    """Lock the screen; locking a locked one changes nothing. Appends access.session.locked once."""
    now = timezone.now()
    changed = Session.objects.filter(pk=row.pk, locked_at__isnull=True).update(locked_at=now)
    row.locked_at = row.locked_at or now
    if changed and row.staff is not None:
        _append(row.staff, AccessEvent.LOCKED, row, reason=reason)


@transaction.atomic
def end_session(*, row: Session | None, reason: str) -> None:
    if row is None or row.staff is None:
        return
    if Session.objects.filter(pk=row.pk).delete()[0]:
        _append(row.staff, AccessEvent.SESSION_ENDED, row, reason=reason)


def refuse_while_locked(*, row: Session, page: str) -> None:
    """A locked session asked for a page. Sealed once a minute: a page that reloads itself says no more by asking again.

    Appends access.session.page_refused.
    """
    if row.staff is None:
        return
    lately = Event.objects.filter(
        organisation_id=row.organisation_id,
        subject=row.ref,
        action=AccessEvent.LOCKED_OUT,
        at__gt=timezone.now() - timedelta(minutes=1),
    )
    if not lately.exists():
        _append(row.staff, AccessEvent.LOCKED_OUT, row, kind=EventKind.REFUSAL, page=page)


def unlock_with_password(request: Any, *, password: str) -> None:
    """Unlock for the person whose session it is. Raises WrongPassword (throttled as a sign-in is)."""
    row: Session = request.staff_session
    if not confirm(request, row.staff, password):
        _failed(row, method="password")
        raise WrongPassword
    _unlock(request, row, method="password")


def unlock_with_pin(request: Any, *, pin: str) -> None:
    """Unlock by PIN: only on an enrolled tablet, within 12 hours of the full sign-in, five tries.

    Raises PinNotAllowed, WrongPassword.
    """
    row: Session = request.staff_session
    if not pin_allowed(row):
        raise PinNotAllowed
    counted = Session.objects.filter(pk=row.pk, pin_failures__lt=PIN_TRIES).update(pin_failures=F("pin_failures") + 1)
    row.pin_failures += 1
    if not counted:
        raise PinNotAllowed
    if row.staff is None or not PinHasher().verify(pin, row.staff.pin):
        _failed(row, method="pin")
        raise WrongPassword
    _unlock(request, row, method="pin")


def pin_allowed(row: Session) -> bool:
    return bool(
        row.device and not row.device.blocked_at and row.staff and row.staff.pin and row.pin_failures < PIN_TRIES
    )


def confirm(request: HttpRequest, staff: Staff | None, password: str) -> bool:
    found = authenticate(request, email=staff.email, password=password) if staff else None
    return isinstance(found, Staff) and staff is not None and found.pk == staff.pk


def confirm_password(staff: Staff, password: str, request: Any) -> bool:
    """Ask again who is there, before something weighty; throttled with the sign-in. Appends when it holds."""
    if not confirm(request, staff, password):
        _failed(request.staff_session, method="confirmation")
        return False
    _append(staff, AccessEvent.PASSWORD_CONFIRMED, request.staff_session)
    return True


@transaction.atomic
def _unlock(request: Any, row: Session, *, method: str) -> None:
    now = timezone.now()
    Session.objects.filter(pk=row.pk).update(locked_at=None, last_input_at=now, pin_failures=0)
    row.locked_at, row.last_input_at, row.pin_failures = None, now, 0
    request.session.cycle_key()
    if row.staff is not None:
        _append(row.staff, AccessEvent.UNLOCKED, row, method=method)


def _failed(row: Session, *, method: str) -> None:
    if row.staff is not None:
        _append(row.staff, AccessEvent.UNLOCK_FAILED, row, method=method)


def _append(staff: Staff, action: AccessEvent, row: Session, *, kind: str = EventKind.ACT, **detail: str) -> None:
    actor = Actor.of(staff)
    audit.services.append(
        organisation_id=staff.organisation_id,
        actor=actor.ref,
        action=action,
        subject=row.ref,
        detail=detail,
        care_home_id=row.device.care_home_id if row.device else None,
        kind=kind,
    )
