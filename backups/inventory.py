"""What is in a database, counted in one snapshot: rows of every table, how far each ledger has come, schema, keys.

Works over a psycopg connection of a role that row security does not hold back. The same functions count the live
database for the manifest and the scratch database in a drill.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection, sql

from backups.errors import NoDatabase
from backups.manifest import LedgerMark, OrganisationMark
from backups.postgres import Address

_TABLES = """
SELECT n.nspname, c.relname,
       EXISTS (SELECT 1 FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attname = 'organisation_id' AND NOT a.attisdropped)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
 ORDER BY 1, 2
"""
_LEDGERS = """
SELECT h.organisation_id::text, h.seq, h.digest, coalesce(c.size, 0), coalesce(c.note, '')
  FROM audit_head h
  LEFT JOIN LATERAL (
       SELECT size, note FROM audit_checkpoint c
        WHERE c.organisation_id = h.organisation_id AND c.size <= h.seq ORDER BY size DESC LIMIT 1) c ON true
"""
_EMPTY_LEDGER = LedgerMark(size=0, digest="0" * 64)


@dataclass(frozen=True, slots=True)
class Inventory:
    """tables: rows by table name, schema-qualified outside `public`; organisations: by id; shares: rows by table, then
    organisation, for the tables that carry one."""

    tables: dict[str, int]
    shares: dict[str, dict[str, int]]
    organisations: dict[str, OrganisationMark]
    schema: str
    wrapping_keys: tuple[str, ...]
    postgresql: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """id: for `pg_dump --snapshot`; taken_at: aware UTC, by the database's clock. Lives as long as its connection."""

    id: str
    taken_at: datetime
    connection: "Connection[tuple[Any, ...]]"


@contextmanager
def exported_snapshot(address: Address) -> Iterator[Snapshot]:
    """A read-only transaction whose view of the data others may share. Raises NoDatabase."""
    with address.connect() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        _require_sight(connection)
        row = connection.execute("SELECT pg_export_snapshot(), now()").fetchone()
        assert row is not None
        yield Snapshot(id=row[0], taken_at=row[1], connection=connection)
        connection.rollback()


def sees_every_row(connection: "Connection[Any]") -> bool:
    row = connection.execute("SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    return bool(row and row[0])


def _require_sight(connection: "Connection[Any]") -> None:
    if not sees_every_row(connection):
        raise NoDatabase(
            "The role of DATABASE_BACKUP_URL is held back by row security, so a backup would miss rows. "
            "Use a role with BYPASSRLS, such as carehome_backup."
        )


def take_inventory(connection: "Connection[Any]") -> Inventory:
    tables: dict[str, int] = {}
    shares: dict[str, dict[str, int]] = {}
    for schema, table, has_organisation in connection.execute(_TABLES).fetchall():
        name = table if schema == "public" else f"{schema}.{table}"
        counts = _counts(connection, schema, table, by_organisation=has_organisation)
        tables[name] = sum(counts.values())
        if has_organisation:
            shares[name] = {key: count for key, count in counts.items() if key is not None}
    rows = _rows_by_organisation(shares)
    ledgers = _ledgers(connection) if "audit_head" in tables else {}
    organisations = {
        key: OrganisationMark(rows=rows.get(key, 0), ledger=ledgers.get(key, _EMPTY_LEDGER))
        for key in sorted(rows.keys() | ledgers.keys())
    }
    return Inventory(
        tables=tables,
        shares=shares,
        organisations=organisations,
        schema=_schema_digest(connection, present="django_migrations" in tables),
        wrapping_keys=_wrapping_keys(connection) if "access_data_key" in tables else (),
        postgresql=connection.info.parameter_status("server_version") or "",
    )


def _rows_by_organisation(shares: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    rows: Counter[str] = Counter()
    for counts in shares.values():
        rows.update(counts)
    return dict(rows)


def _counts(connection: "Connection[Any]", schema: str, table: str, *, by_organisation: bool) -> dict[str | None, int]:
    name = sql.Identifier(schema, table)
    if by_organisation:
        statement = sql.SQL("SELECT organisation_id::text, count(*) FROM {} GROUP BY 1").format(name)
    else:
        statement = sql.SQL("SELECT NULL::text, count(*) FROM {}").format(name)
    return dict(connection.execute(statement).fetchall())


def _ledgers(connection: "Connection[Any]") -> dict[str, LedgerMark]:
    return {
        organisation: LedgerMark(size=seq, digest=bytes(digest).hex(), checkpoint_size=size, checkpoint_note=note)
        for organisation, seq, digest, size, note in connection.execute(_LEDGERS).fetchall()
    }


def _schema_digest(connection: "Connection[Any]", *, present: bool) -> str:
    """SHA-256 over the applied migrations, `app.name` lines in alphabetical order."""
    applied = connection.execute("SELECT app, name FROM django_migrations ORDER BY 1, 2").fetchall() if present else []
    return hashlib.sha256("".join(f"{app}.{name}\n" for app, name in applied).encode()).hexdigest()


def _wrapping_keys(connection: "Connection[Any]") -> tuple[str, ...]:
    """Ids of the wrapping keys that the organisations' keys need: what a restore elsewhere must bring along."""
    rows = connection.execute(
        "SELECT DISTINCT wrapped_by FROM access_data_key WHERE purpose = 'organisation' AND wrapped IS NOT NULL"
    ).fetchall()
    return tuple(key for (key,) in rows)
