"""The database's roles and what each may do, for the embedded default, the tests and production alike.

`carehome_owner` runs migrations and owns the tables; `carehome_app` is the application and owns nothing;
`carehome_audit` owns the ledger and cannot log in; `carehome_backup` reads everything and writes nothing.
Run as `python -m carehome.embedded.roles` it takes an administrator's URL and the passwords from the environment or,
better, from files (see `main`). Everything may be run again.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from carehome.embedded.errors import EmbeddedError, MissingSetting

OWNER = "carehome_owner"
APP = "carehome_app"
AUDIT = "carehome_audit"
BACKUP = "carehome_backup"
DATABASE = "carehome"

_SAFE = "NOSUPERUSER NOCREATEROLE NOREPLICATION"
_ATTRIBUTES = {
    OWNER: f"LOGIN CREATEDB NOBYPASSRLS {_SAFE}",
    APP: f"LOGIN NOCREATEDB NOBYPASSRLS {_SAFE}",
    AUDIT: f"NOLOGIN NOCREATEDB NOBYPASSRLS {_SAFE}",
    BACKUP: f"LOGIN NOCREATEDB BYPASSRLS {_SAFE}",
}
WITH_PASSWORD = tuple(role for role in _ATTRIBUTES if role != AUDIT)


def ensure_roles(admin_conninfo: str, passwords: Mapping[str, str]) -> None:
    """Create or correct the four roles, and prepare `template1`, so that every new database starts fenced.

    admin_conninfo: a superuser, in any database. passwords: by role name, for each of WITH_PASSWORD.
    """
    with psycopg.connect(admin_conninfo, autocommit=True) as connection:
        for role, attributes in _ATTRIBUTES.items():
            _ensure_role(connection, role, attributes, passwords.get(role))
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(AUDIT), sql.Identifier(OWNER)))
        connection.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(BACKUP)))
    fence_schema(make_conninfo(admin_conninfo, dbname="template1"))


def _ensure_role(
    connection: psycopg.Connection[tuple[object, ...]], role: str, attributes: str, password: str | None
) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    verb = "ALTER" if found else "CREATE"
    statement = sql.SQL("{} ROLE {} {}").format(sql.SQL(verb), sql.Identifier(role), sql.SQL(attributes))
    if role in WITH_PASSWORD:
        if not password:
            raise MissingSetting(f"No password was given for the database role {role}.")
        # Hashed here, so that the clear password appears in no server log.
        verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        statement += sql.SQL(" PASSWORD {}").format(sql.Literal(verifier.decode()))
    connection.execute(statement)


def create_database(admin_conninfo: str, name: str = DATABASE) -> bool:
    """Create the database, owned by carehome_owner and closed to everybody else; True if it was not there."""
    database, owner = sql.Identifier(name), sql.Identifier(OWNER)
    with psycopg.connect(admin_conninfo, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if not found:
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for role in (APP, BACKUP):
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(role)))
    fence_schema(make_conninfo(admin_conninfo, dbname=name))
    return not found


def fence_schema(conninfo: str) -> None:
    """In one database: only the owner and the ledger's owner make objects in `public`; app and backup may look in."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        for role in (OWNER, AUDIT):
            connection.execute(sql.SQL("GRANT CREATE, USAGE ON SCHEMA public TO {}").format(sql.Identifier(role)))
        for role in (APP, BACKUP):
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(role)))


def _setting(name: str) -> str:
    """A value from the file that NAME_FILE names, or else from NAME."""
    path = os.environ.get(f"{name}_FILE")
    value = Path(path).read_text().strip() if path else os.environ.get(name, "")
    if not value:
        raise MissingSetting(f"Set {name}_FILE (or {name}) for the database roles.")
    return value


def main() -> None:
    """Read CAREHOME_ADMIN_URL, CAREHOME_DATABASE (carehome by default) and the roles' passwords, and apply.

    Passwords: CAREHOME_OWNER_PASSWORD, CAREHOME_APP_PASSWORD, CAREHOME_BACKUP_PASSWORD. The administrator's own
    password may stand apart, in CAREHOME_ADMIN_PASSWORD. Each name may end in _FILE and then names a file.
    """
    admin = _setting("CAREHOME_ADMIN_URL")
    if os.environ.get("CAREHOME_ADMIN_PASSWORD_FILE") or os.environ.get("CAREHOME_ADMIN_PASSWORD"):
        admin = make_conninfo(admin, password=_setting("CAREHOME_ADMIN_PASSWORD"))
    passwords = {role: _setting(f"{role.upper()}_PASSWORD") for role in WITH_PASSWORD}
    ensure_roles(admin, passwords)
    made = create_database(admin, os.environ.get("CAREHOME_DATABASE", DATABASE))
    print("The database roles are set and the database is", "created." if made else "there.", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except (EmbeddedError, OSError, psycopg.Error) as error:
        sys.exit(f"The database roles could not be set: {error}")
