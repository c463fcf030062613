"""Finding a person by email within the organisation that is open, and checking their password."""

from typing import Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import check_password, make_password

from access import keys, tenancy
from access.envelope import blind_index
from access.models import Staff


def email_index(organisation_id: UUID, email: str) -> bytes:
    return blind_index(keys.index_key(organisation_id), "staff.email", email.strip().casefold())


class StaffBackend(BaseBackend):
    """One timing and one answer, whether the account exists or not."""

    def authenticate(
        self, request: Any, email: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Staff | None:
        if not email or password is None:
            return None
        organisation_id = tenancy.current_organisation_id()
        staff = Staff.objects.filter(
            organisation_id=organisation_id, email_index=email_index(organisation_id, email)
        ).first()
        if staff is None:
            make_password(password)  # as long as a real check takes
            return None
        if check_password(password, staff.password) and staff.may_sign_in():
            return staff
        return None

    def get_user(self, user_id: Any) -> Staff | None:
        staff = Staff.objects.filter(organisation_id=tenancy.current_organisation_id(), pk=user_id).first()
        return staff if staff and staff.may_sign_in() else None
