"""The restore drill: restore a set into a scratch database, ask it everything a real restore would be asked, drop it.

Decision: what is counted and probed are the rows that came out of the set, never what was written about them; a check
that could not be made is not a check that passed.
"""

import contextlib
import hashlib
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from pyrage import x25519

from audit import notes
from audit.verification import verify_connection
from backups.destinations import Destination
from backups.errors import NoDatabase, RestoreFailed
from backups.inventory import Inventory, sees_every_row, take_inventory
from backups.manifest import LedgerMark, Manifest
from backups.postgres import Address, create_database, databases_starting, drop_database, plainly
from backups.restoring import restore_into
from backups.sets import check_data

SCRATCH = "carehome_drill_"
_DIRECTORY = frozenset({"access_directory"})  # read before an organisation is open, and outside the wall on purpose
OpensRecords = Callable[[Any, UUID], str]
"""Decrypts one value of the organisation read over the connection; returns what is wrong, empty if nothing."""


@dataclass(frozen=True, slots=True)
class OrganisationOutcome:
    """What the drill found of one organisation. Reasons are empty where the check passed."""

    rows: int
    entries: int
    counts: str = ""
    ledger: str = ""
    wall: str = ""
    opening: str = ""

    @property
    def good(self) -> bool:
        return not (self.counts or self.ledger or self.wall or self.opening)


@dataclass(frozen=True, slots=True)
class DrillOutcome:
    """took: from the first byte read to the last check; counts: table to (in the manifest, found)."""

    took: timedelta
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    schema_matches: bool = True
    organisations: Mapping[str, OrganisationOutcome] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return not self.counts and self.schema_matches and all(found.good for found in self.organisations.values())


@dataclass(frozen=True, slots=True)
class Roles:
    """One server as three roles: owner makes the scratch database, reader sees every row, app meets the wall."""

    owner: Address
    reader: Address
    app: Address

    def at(self, database: str) -> "Roles":
        return Roles(self.owner.at(database), self.reader.at(database), self.app.at(database))


def scratch_prefix(database: str) -> str:
    """Says whose drill it is: several installations may share one server."""
    return f"{SCRATCH}{hashlib.sha256(database.encode()).hexdigest()[:8]}_"


@contextlib.contextmanager
def scratch_database(roles: Roles) -> Iterator[Roles]:
    """An empty database of our own, dropped afterwards whatever happens; first, those that a crash left are dropped.

    Only while no other drill of this database runs: every scratch database of it is taken for a leftover.
    """
    prefix = scratch_prefix(roles.owner.database)
    for leftover in databases_starting(roles.owner, prefix):
        drop_database(roles.owner, leftover)
    name = prefix + secrets.token_hex(6)
    create_database(roles.owner, name)
    try:
        yield roles.at(name)
    finally:
        drop_database(roles.owner, name)


def run_drill(
    *,
    destination: Destination,
    manifest: Manifest,
    identities: Sequence[x25519.Identity],
    roles: Roles,
    anchored: Callable[[UUID], Iterable[str]],
    opens_records: OpensRecords,
) -> DrillOutcome:
    """Restore the set into a scratch database and check it.

    manifest: its signature already checked. anchored: an organisation's signed notes from outside the database.
    Raises a BackupError when the set is damaged or could not be restored.
    """
    started = time.monotonic()
    check_data(destination, manifest)
    with scratch_database(roles) as scratch:
        restore_into(destination=destination, manifest=manifest, identities=identities, target=scratch.owner)
        with scratch.reader.connect() as reader, scratch.app.connect() as app:
            checked = check_database(reader, app, manifest, anchored=anchored, opens_records=opens_records)
    return replace(checked, took=timedelta(seconds=time.monotonic() - started))


def check_database(
    reader: "Connection[Any]",
    app: "Connection[Any] | None",
    manifest: Manifest,
    *,
    anchored: Callable[[UUID], Iterable[str]],
    opens_records: OpensRecords,
) -> DrillOutcome:
    """Hold a restored database against the manifest of the set it came from.

    reader: a role that sees every row; app: the application's role, None where it cannot be had. Raises NoDatabase.
    """
    started = time.monotonic()
    with plainly(RestoreFailed, "a check of what was restored"):
        checked = _check(reader, app, manifest, anchored, opens_records)
    return replace(checked, took=timedelta(seconds=time.monotonic() - started))


def _check(
    reader: "Connection[Any]",
    app: "Connection[Any] | None",
    manifest: Manifest,
    anchored: Callable[[UUID], Iterable[str]],
    opens_records: OpensRecords,
) -> DrillOutcome:
    if not sees_every_row(reader):
        raise NoDatabase("The role that should count the restored rows is held back by row security.")
    inventory = take_inventory(reader)
    unfenced = unfenced_tables(app, inventory) if app is not None else []
    organisations: dict[str, OrganisationOutcome] = {}
    for key, mark in manifest.organisations.items():
        found = inventory.organisations.get(key)
        rows = found.rows if found else 0
        organisations[key] = OrganisationOutcome(
            rows=rows,
            entries=mark.ledger.size,
            counts="" if rows == mark.rows else f"{rows:,} of {mark.rows:,} rows came back",
            ledger=ledger_fault(reader, UUID(key), mark.ledger, anchored(UUID(key))),
            wall=wall_fault(app, UUID(key), inventory, unfenced),
            opening=opens_records(reader, UUID(key)),
        )
    return DrillOutcome(
        took=timedelta(0),
        counts=count_differences(manifest.tables, inventory.tables),
        schema_matches=inventory.schema == manifest.schema,
        organisations=organisations,
    )


def count_differences(expected: Mapping[str, int], found: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Tables whose numbers of rows differ, a table that is missing on one side counting as empty there."""
    return {
        table: (expected.get(table, 0), found.get(table, 0))
        for table in sorted(expected.keys() | found.keys())
        if expected.get(table, -1) != found.get(table, -1)
    }


def ledger_fault(reader: "Connection[Any]", organisation_id: UUID, mark: LedgerMark, anchored: Iterable[str]) -> str:
    """What is wrong with the restored ledger; empty when it verifies up to exactly where the manifest says it stood.

    anchored: notes signed later than the set cannot be held against it and are passed over.
    """
    within = [note for note in anchored if note_size(note) <= mark.size]
    if mark.checkpoint_note:
        within.append(mark.checkpoint_note)
    result = verify_connection(reader, organisation_id, extra_notes=within)
    if not result.ok:
        return f"entry {result.first_bad_seq} is wrong: {result.kind}"
    if (result.head.seq, result.head.digest.hex()) != (mark.size, mark.digest):
        return f"the ledger ends at entry {result.head.seq:,}, not at {mark.size:,} as the manifest says"
    return ""


def note_size(note: str) -> int:
    """The number of entries a signed note covers; its signature is checked by the verifier."""
    try:
        return notes.parse_body(note.partition("\n\n")[0] + "\n").size
    except notes.NoteError:
        return 0


def _fenced_tables(app: "Connection[Any]", inventory: Inventory) -> list[str]:
    """Tables that carry an organisation and that the application may read."""
    return [
        table
        for table in sorted(inventory.shares.keys() - _DIRECTORY)
        if app.execute("SELECT has_table_privilege(%s, 'SELECT')", [_regclass(table)]).fetchone() == (True,)
    ]


def _regclass(table: str) -> str:
    return sql.Identifier(*table.split(".", 1)).as_string(None)


def unfenced_tables(app: "Connection[Any]", inventory: Inventory) -> list[str]:
    """Tables out of which the application reads rows although no organisation was named."""
    visible = _visible_rows(app, _fenced_tables(app, inventory), None)
    return sorted(table for table, rows in visible.items() if rows)


def wall_fault(
    app: "Connection[Any] | None", organisation_id: UUID, inventory: Inventory, unfenced: Sequence[str]
) -> str:
    """What is wrong with the tenancy wall as this organisation would meet it; empty when it holds."""
    if app is None:
        return "could not be probed: the application's role cannot reach the database"
    if unfenced:
        return f"rows can be read without an organisation in {', '.join(unfenced[:5])}"
    tables = _fenced_tables(app, inventory)
    if not tables:
        return "could not be probed: the application may read no table"
    visible = _visible_rows(app, tables, organisation_id)
    wrong = [table for table in tables if visible[table] != inventory.shares[table].get(str(organisation_id), 0)]
    return f"not exactly the organisation's own rows can be read in {', '.join(wrong[:5])}" if wrong else ""


def _visible_rows(app: "Connection[Any]", tables: Sequence[str], organisation_id: UUID | None) -> dict[str, int]:
    rows: dict[str, int] = {}
    with app.transaction():
        app.execute("SELECT set_config('app.organisation', %s, true)", [str(organisation_id or "")])
        for table in tables:
            statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".", 1)))
            found = app.execute(statement).fetchone()
            rows[table] = found[0] if found else 0
    return rows
