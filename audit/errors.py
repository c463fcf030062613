"""What can go wrong with the ledger, and what the caller does next."""


class LedgerError(Exception):
    """The ledger's root error."""


class LedgerUnavailable(LedgerError):
    """The entry could not be written, so the act must not happen. Answer 503 and try again later."""


class NoOrigin(LedgerError):
    """Nobody is named as acting. Open `audit.context.acting` first."""


class Unopenable(Exception):
    """A sealed value was altered, moved, or lost its key. The cipher's own errors of that kind derive from it."""


class UnwatchedRead(LedgerError):
    """A record was read where nothing would note it. Read inside a request, or wrap it in `audited(reason)`."""


class SigningKeyMissing(LedgerError):
    """The signing key's file cannot be read or holds no Ed25519 key. Restore it from its safe place."""


class AnchorFailed(LedgerError):
    """A checkpoint could not be written where the database's owner cannot reach. Never pass over in silence."""
