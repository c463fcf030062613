"""Names of access's ledger events."""

from enum import StrEnum


class AccessEvent(StrEnum):
    ORGANISATION_CREATED = "access.organisation.created"
    CARE_HOME_ADDED = "access.care_home.added"
    STAFF_ADDED = "access.staff.added"
    STAFF_LEFT = "access.staff.left"
    ROLE_GIVEN = "access.role.given"
    SHIFT_GRANTED = "access.shift.granted"
    SIGNED_IN = "access.session.signed_in"
    SIGN_IN_FAILED = "access.session.sign_in_failed"
    SIGNED_OUT = "access.session.signed_out"
    LOCKED = "access.session.locked"
    UNLOCKED = "access.session.unlocked"
    UNLOCK_FAILED = "access.session.unlock_failed"
    SESSION_ENDED = "access.session.ended"
    PASSWORD_CONFIRMED = "access.session.password_confirmed"  # noqa: S105
    REFUSED = "access.permission.refused"
    NOT_FOUND = "access.record.not_found"  # an id was asked for that is not there for this person, or not at all
    FORGED = "access.request.forged"  # a write without the page's own token
    SIGN_IN_THROTTLED = "access.session.sign_in_throttled"
    TOKEN_REFUSED = "access.token.refused"  # noqa: S105
    LOCKED_OUT = "access.session.page_refused"  # a locked session asked for a page
    DEVICE_ENROLLED = "access.device.enrolled"
    DEVICE_BLOCKED = "access.device.blocked"
    TOKEN_MADE = "access.token.made"  # noqa: S105
    KEY_MADE = "access.key.made"
    KEY_DESTROYED = "access.key.destroyed"
    THEME_CHOSEN = "access.staff.theme_chosen"
    PERMISSION_ADDED = "access.permission.added"  # a release brought it; the default roles of a home hold it now
