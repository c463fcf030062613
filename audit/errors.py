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


class KeyringDamaged(LedgerError):
    """The file of known public keys cannot be read as one. Put it back from the copy of the key folder."""


class RotationImpossible(LedgerError):
    """The signing key cannot be rotated as things are; nothing was changed. The message says what stands in the way."""


class AnchorFailed(LedgerError):
    """A checkpoint could not be written where the database's owner cannot reach. Never pass over in silence."""


class AnchorUnknown(LedgerError):
    """CAREHOME_ANCHORS names a place that cannot be understood. The message says which word of it."""


class LedgerContradicted(LedgerError):
    """The ledger is not the one whose checkpoints were anchored. Nothing is signed until a person has looked."""


class AnchorAhead(LedgerContradicted):
    """An anchored checkpoint covers more entries than the ledger has: entries were cut off, or an old dump restored.

    After a legitimate restore run `manage.py ledger_restored`; else treat it as tampering.
    """


class ForkedLedger(LedgerContradicted):
    """The ledger holds other entries than an anchored checkpoint signed. Treat it as tampering.

    After a legitimate restore run `manage.py ledger_restored`.
    """


class NothingRestored(LedgerError):
    """The ledger agrees with its anchors, so there is no restore to mark."""


class NotSignedYet(LedgerError):
    """No checkpoint covers the entry so far. Sign one, or wait a minute."""


class NotAsSealed(LedgerError):
    """What is in the database is not what was sealed or signed. Run ledger_verify: it names the first bad entry."""


class ArchiveRefused(LedgerError):
    """The entries cannot be archived as asked; nothing was taken out of the ledger."""
