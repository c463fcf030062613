"""This installation's places and keys, out of the settings: the only module here that reads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connections
from psycopg.conninfo import make_conninfo
from pyrage import x25519

from audit.errors import SigningKeyMissing
from audit.signing import Signer, keyring, signer
from backups.destinations import Destination, destination_at
from backups.drill import Roles
from backups.errors import AlreadyRunning, NoDatabase, NoSigningKey
from backups.keys import read_identities, read_recipients
from backups.postgres import Address
from backups.retention import Retention

_LOCK = 0x62_61_63_6B_75_70_73  # "backups": one key of PostgreSQL's advisory locks


def app() -> Address:
    """The application's own role and database."""
    known = connections["default"].settings_dict
    options = {key: str(value) for key, value in known["OPTIONS"].items() if key.startswith("ssl")}
    return Address(
        make_conninfo(
            "",
            dbname=known["NAME"],
            user=known["USER"] or None,
            password=known["PASSWORD"] or None,
            host=known["HOST"] or None,
            port=known["PORT"] or None,
            **options,
        )
    )


def owner() -> Address:
    """Raises NoDatabase where this process was not given the owner's address."""
    if not settings.DATABASE_OWNER_URL:
        raise NoDatabase("DATABASE_OWNER_URL is not set here, so no database can be made to restore into.")
    return Address.of(settings.DATABASE_OWNER_URL).at(app().database)


def reader() -> Address:
    """The role that sees every row and writes none, in the application's database. Raises NoDatabase."""
    if not settings.DATABASE_BACKUP_URL:
        raise NoDatabase("DATABASE_BACKUP_URL is not set here, so the whole database cannot be read.")
    return Address.of(settings.DATABASE_BACKUP_URL).at(app().database)


def roles() -> Roles:
    return Roles(owner=owner(), reader=reader(), app=app())


def anchor_folder() -> Path:
    return Path(settings.AUDIT_ANCHOR_DIR)


def destination() -> Destination:
    return destination_at(settings.BACKUP_DESTINATION)


def recipients() -> list[x25519.Recipient]:
    return read_recipients(settings.AGE_RECIPIENTS_FILE)


def identities() -> list[x25519.Identity]:
    return read_identities(settings.AGE_IDENTITY_FILE)


def signing_key() -> Signer:
    """Raises NoSigningKey."""
    try:
        return signer()
    except SigningKeyMissing as error:
        raise NoSigningKey(
            "The signing key cannot be read. Put its file where CAREHOME_SIGNING_KEY_FILE says."
        ) from error


def public_keys() -> dict[str, bytes]:
    """Whose manifests are believed: raw Ed25519 keys by id, the present one and those that were retired."""
    signing_key()
    return keyring().public_keys()


def retention() -> Retention:
    return Retention(daily=settings.BACKUP_KEEP_DAILY, weekly=settings.BACKUP_KEEP_WEEKLY)


def longest_gap() -> timedelta:
    """The most time between two backups, whatever an organisation's RPO would still allow."""
    return timedelta(hours=24)


@contextmanager
def only_one() -> Iterator[None]:
    """Nobody else makes, tests, deletes or restores a backup meanwhile. Raises AlreadyRunning.

    An advisory lock of the live database, held by a connection of its own; it ends with the process, however that ends.
    """
    with app().connect(autocommit=True) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
        if row != (True,):
            raise AlreadyRunning("Another backup, drill or restore is running. Try again when it has ended.")
        try:
            yield
        finally:
            # Given back before the connection closes: the server ends its process a moment after that.
            connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
