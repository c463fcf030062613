"""What can go wrong with a backup, as nouns. Messages are plain sentences that may be stored and shown: no names of
people, no rows, no keys."""


class BackupError(Exception):
    """Something about a backup could not be done; the message says what and what to do next."""


class ToolMissing(BackupError):
    """No PostgreSQL client program of the server's major version was found."""


class NoDatabase(BackupError):
    """The database, or the role the work needs, cannot be reached."""


class NoRecipients(BackupError):
    """There is nobody to encrypt for, so nothing is written."""


class NoSigningKey(BackupError):
    """Without it no set can be vouched for, neither a new one nor an old one."""


class NoIdentity(BackupError):
    """The private key that opens the set is not on this machine."""


class WrongIdentity(BackupError):
    """The private key here is not one of those the set was encrypted for."""


class DestinationUnusable(BackupError):
    """The destination cannot be written to or read from; a full disk is one reason."""


class SetNotFound(BackupError):
    """There is no such finished set at the destination."""


class DumpFailed(BackupError):
    """pg_dump did not finish; nothing was kept."""


class AlreadyRunning(BackupError):
    """Another process is making, testing or restoring a backup of this installation."""


class SetFaulty(BackupError):
    """The set itself is wrong. Never retried, always worth an incident."""


class ManifestUnreadable(SetFaulty):
    """The manifest is missing, or is not one this version understands."""


class SignatureWrong(SetFaulty):
    """The manifest was not signed by the key that signs for this installation."""


class SetSwapped(SetFaulty):
    """The manifest belongs to another set than the one it lies in."""


class DataDamaged(SetFaulty):
    """The encrypted data is not, byte for byte, what the manifest says."""


class RestoreFailed(BackupError):
    """pg_restore did not finish; what it had begun was undone."""


class TargetNotEmpty(BackupError):
    """The database to restore into already holds tables. Nothing was touched."""


class OlderSet(BackupError):
    """A newer set is known; restoring this one would lose what came after it."""
