"""The age keys of a backup. The server needs recipients only; the identity that opens a set may live elsewhere.

Both files are those of the age tool: one key a line, `#` begins a comment. https://age-encryption.org/v1
"""

from pathlib import Path

from pyrage import IdentityError, RecipientError, x25519

from backups.errors import NoIdentity, NoRecipients


def _lines(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def read_recipients(path: Path) -> list[x25519.Recipient]:
    """Whom a backup is encrypted for; at least one. Raises NoRecipients."""
    try:
        lines = _lines(path)
    except (OSError, UnicodeDecodeError) as error:
        raise NoRecipients(
            "No file of age recipients can be read. Make a pair with age-keygen and put its recipient there."
        ) from error
    if not lines:
        raise NoRecipients("The file of age recipients is empty, so there is nobody to encrypt a backup for.")
    try:
        return [x25519.Recipient.from_str(line) for line in lines]
    except RecipientError as error:
        raise NoRecipients("The file of age recipients holds a line that is not an age recipient (age1…).") from error


def read_identities(path: Path) -> list[x25519.Identity]:
    """The private keys that open sets. Raises NoIdentity."""
    try:
        lines = _lines(path)
    except (OSError, UnicodeDecodeError) as error:
        raise NoIdentity(
            "The age identity is not on this machine, so backups cannot be opened here. "
            "Put it where CAREHOME_AGE_IDENTITY_FILE names, or run drills where it is kept."
        ) from error
    if not lines:
        raise NoIdentity("The age identity file is empty, so backups cannot be opened here.")
    try:
        return [x25519.Identity.from_str(line) for line in lines]
    except IdentityError as error:
        raise NoIdentity(
            "The age identity file holds a line that is not an age identity (AGE-SECRET-KEY-1…)."
        ) from error
