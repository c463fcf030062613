"""What access refuses, and what the caller does next. No name, key or text of anybody's goes into a message."""

from audit.errors import Unopenable


class AccessError(Exception):
    """The root error of access."""


class NoTenant(AccessError):
    """A tenant's table was touched with no organisation open. Open `access.tenancy.acting_for` at the door."""


class NotPermitted(AccessError):
    """The actor may not do this here. Answer 403; the refusal is sealed after the rollback."""

    def __init__(self, permission: str, at: object = None) -> None:
        super().__init__(f"Not permitted: {permission}")
        self.permission, self.at = permission, at


class EnvelopeError(AccessError):
    """A ciphertext does not open."""


class WrongKey(EnvelopeError, Unopenable):
    """The ciphertext names another key; look that one up."""


class EnvelopeTampered(EnvelopeError, Unopenable):
    """Authentication failed under the right key. Never retried, always an incident."""


class KeyUnavailable(EnvelopeError, Unopenable):
    """The key is not there: it was destroyed by an erasure, or it was never made."""


class WrappingKeyMissing(AccessError):
    """The wrapping key's file cannot be read or is not 32 bytes. Restore it from its safe place."""


class WrongWrappingKey(EnvelopeError):
    """The data key is wrapped under another wrapping key; try that one."""


class WrongPassword(AccessError):
    """The password or PIN does not match. Say so, and count it."""


class PinNotAllowed(AccessError):
    """A PIN opens nothing here: no enrolled tablet, too many tries, or too long since the full sign-in."""


class LockedOut(AccessError):
    """Too many failures for this account from this address. Wait for the cool-off."""


class LastAdministrator(AccessError):
    """Nobody else could give access any more. Name another administrator first."""


class LeavingInFuture(AccessError):
    """The day of leaving lies too far ahead or before the person joined."""


class AlreadyLeft(AccessError):
    """Their access has ended, and a later day of leaving would open it again. Give them a new account or role."""


class UnknownPage(AccessError):
    """The token is no page of ours, is of another organisation, or is too old. Nothing can be said of it."""


class DuplicateRequest(AccessError):
    """The idempotency key was used for another body. Use a new key for a new request."""
