"""The session store: rows of the organisation, found by a digest of the cookie, their lock out of the data's reach."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import IntegrityError, transaction
from django.utils import timezone

from access import tenancy
from access.models import Session


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


class SessionStore(SessionBase):
    """Django's session interface over access.Session. Raises NoTenant where no organisation is open."""

    _get_session: Any  # of SessionBase; django-stubs leaves them out
    _get_new_session_key: Any

    row: Session | None = None

    def _find(self, key: str) -> Session | None:
        return (
            Session.objects.filter(
                organisation_id=tenancy.current_organisation_id(), key_digest=digest(key), expires_at__gt=timezone.now()
            )
            .select_related("staff", "device", "device__care_home")
            .first()
        )

    def load(self) -> dict[str, Any]:
        self.row = self._find(self.session_key) if self.session_key else None
        if self.row is None:
            self._session_key = None
            return {}
        return self.decode(self.row.data)

    def exists(self, session_key: str) -> bool:
        return self._find(session_key) is not None

    def create(self) -> None:
        while True:
            self._session_key = self._get_new_session_key()
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        if self.session_key is None:
            return self.create()
        data = self.encode(self._get_session(no_load=must_create))
        organisation_id, key_digest = tenancy.current_organisation_id(), digest(self.session_key)
        if must_create:
            self._insert(organisation_id, key_digest, data)
            return None
        changed = Session.objects.filter(organisation_id=organisation_id, key_digest=key_digest).update(
            data=data, staff_id=self._staff_id(), expires_at=self._expires_at()
        )
        if not changed:
            raise UpdateError
        return None

    def _insert(self, organisation_id: Any, key_digest: bytes, data: str) -> None:
        try:
            with transaction.atomic():
                self.row = Session.objects.create(
                    organisation_id=organisation_id,
                    key_digest=key_digest,
                    data=data,
                    staff_id=self._staff_id(),
                    expires_at=self._expires_at(),
                )
        except IntegrityError as error:
            raise CreateError from error

    def _staff_id(self) -> str | None:
        return self._get_session().get("_auth_user_id")

    def _expires_at(self) -> datetime:
        """Twelve hours after the sign-in, whatever is done meanwhile."""
        started = self.row.signed_in_at if self.row and self.row.signed_in_at else timezone.now()
        return started + timedelta(seconds=self.get_session_cookie_age())

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            Session.objects.filter(organisation_id=tenancy.current_organisation_id(), key_digest=digest(key)).delete()

    def cycle_key(self) -> None:
        """A new key for the same session: the row stays, its lock and its sign-in time with it."""
        old = self.session_key
        data = self._get_session()
        if old is None or self.row is None:
            self.create()
            return
        self._session_key = self._get_new_session_key()
        Session.objects.filter(pk=self.row.pk).update(key_digest=digest(self._session_key))
        self._session_cache = data
        self.modified = True

    @classmethod
    def clear_expired(cls) -> None:
        Session.objects.filter(
            organisation_id=tenancy.current_organisation_id(), expires_at__lt=timezone.now()
        ).delete()
