"""Passwords and keys of the embedded default, made on its first run and never replaced.

A key that is missing later stops the start: a new one in its place would leave everything written under the old one
unreadable. In production nothing here creates a key; `write_keys` can be run by hand once (see README).
"""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from carehome.embedded.errors import MissingKey
from carehome.embedded.processes import private_directory

SECRET_KEY = "secret_key"  # noqa: S105 - a file name
WRAPPING_KEY = "wrapping.key"
SIGNING_KEY = "signing.pem"
BACKUP_IDENTITY = "backup.age-identity"
BACKUP_RECIPIENTS = "backup.age-recipients"

NEEDED = (SECRET_KEY, WRAPPING_KEY, SIGNING_KEY, BACKUP_RECIPIENTS)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file with mode 0600, whole or not at all. Raises FileExistsError rather than overwrite."""
    private_directory(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink()


def kept_password(path: Path) -> str:
    """The password in the file; made on first use, 256 random bits, URL-safe."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32).encode())
    return path.read_text().strip()


def write_keys(directory: Path) -> list[str]:
    """Make the key files that are not there yet; returns the names of those it made."""
    made: list[str] = []
    for name, content in _MAKERS.items():
        if not (directory / name).exists():
            write_private(directory / name, content())
            made.append(name)
    if not (directory / BACKUP_RECIPIENTS).exists():
        identity, recipient = _age_pair(directory)
        if identity is not None:
            write_private(directory / BACKUP_IDENTITY, identity)
            made.append(BACKUP_IDENTITY)
        write_private(directory / BACKUP_RECIPIENTS, recipient)
        made.append(BACKUP_RECIPIENTS)
    return made


def check_keys(directory: Path) -> None:
    """Raise MissingKey, naming the files, unless every needed key file is there."""
    missing = [name for name in NEEDED if not (directory / name).is_file()]
    if missing:
        raise MissingKey(
            f"There is data, but no {' and no '.join(missing)} in {directory}; put the file back from your key copy."
        )


def _age_pair(directory: Path) -> tuple[bytes | None, bytes]:
    """A new age identity with its recipient, or only the recipient of the identity that is already there."""
    kept = directory / BACKUP_IDENTITY
    if kept.exists():
        line = next(line for line in kept.read_text().splitlines() if line.startswith("AGE-SECRET-KEY-"))
        return None, f"{pyrage.x25519.Identity.from_str(line).to_public()}\n".encode()
    identity = pyrage.x25519.Identity.generate()
    return f"{identity}\n".encode(), f"{identity.to_public()}\n".encode()


def _signing_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


_MAKERS: dict[str, Callable[[], bytes]] = {
    SECRET_KEY: lambda: secrets.token_urlsafe(64).encode() + b"\n",
    WRAPPING_KEY: lambda: base64.b64encode(secrets.token_bytes(32)) + b"\n",
    SIGNING_KEY: _signing_key,
}
