"""From a set back into a database, without clear data ever touching a disk."""

import subprocess
import tempfile
from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from psycopg import sql
from pyrage import x25519

from backups.destinations import DATA, Destination
from backups.errors import BackupError, RestoreFailed, TargetNotEmpty
from backups.manifest import Manifest
from backups.postgres import Address, complaint, plainly, program, server_major
from backups.sets import check_unsealed, end_child, widen
from backups.streams import unseal

AUDIT_ROLE = "carehome_audit"
READERS = ("carehome_app", "carehome_backup")


def restore_into(
    *, destination: Destination, manifest: Manifest, identities: Sequence[x25519.Identity], target: Address
) -> None:
    """Restore a set into an empty database, in one transaction: all of it or nothing.

    manifest: already checked against its signature; the data file against it, too (`sets.check_data`).
    target: as the role that shall own the tables. Raises TargetNotEmpty, WrongIdentity, DataDamaged, RestoreFailed.
    """
    with plainly(RestoreFailed, "to be prepared for a restore"), target.connect() as connection:
        major = server_major(connection)
        _require_empty(connection)
        _open_to_roles(connection, target.database)
    arguments, environment = target.child()
    command = [program("pg_restore", major), "--format=custom", "--single-transaction", *arguments]
    with destination.open(manifest.name, DATA) as source, tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr, env=environment
        )
        try:
            _feed(process, source, manifest, identities)
        finally:
            end_child(process)
        if process.returncode != 0:
            stderr.seek(0)
            raise RestoreFailed(f"pg_restore stopped before the end: {complaint(stderr.read(1 << 16))}.")


def _feed(
    process: "subprocess.Popen[bytes]", source: BinaryIO, manifest: Manifest, identities: Sequence[x25519.Identity]
) -> None:
    """Until pg_restore has taken everything. If the set is bad it is killed before it can commit."""
    pipe = cast(BinaryIO, process.stdin)
    widen(pipe)
    try:
        check_unsealed(manifest, *unseal(source, pipe, identities))
    except BrokenPipeError as error:
        if process.wait() == 0:
            raise RestoreFailed("pg_restore ended before the data did.") from error
        return  # it gave up; its own words say why
    except BackupError:
        process.kill()
        raise
    pipe.close()
    process.wait()


def _require_empty(connection: Any) -> None:
    found = connection.execute(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't'"
        " AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
    ).fetchone()
    if found[0]:
        raise TargetNotEmpty("The database to restore into already holds tables. Name an empty one.")


def _open_to_roles(connection: Any, database: str) -> None:
    """What the restore takes as given: who may own objects in `public`, and who may look in afterwards."""
    roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
    if AUDIT_ROLE in roles:
        connection.execute(sql.SQL("GRANT CREATE, USAGE ON SCHEMA public TO {}").format(sql.Identifier(AUDIT_ROLE)))
    for role in sorted(roles.intersection(READERS)):
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), sql.Identifier(role))
        )
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(role)))
