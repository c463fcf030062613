"""A small database with the house's walls and the real ledger, committed, so that pg_dump sees it.

Two organisations, residents and notes behind forced row-level security, and a ledger sealed by its own triggers.
"""

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg

from audit import merkle, notes, signing
from audit import sql as ledger_sql
from audit import sql_format_2 as format_2
from backups.drill import Roles

FIRST, SECOND = UUID(int=1), UUID(int=2)
_OWN = "organisation_id = NULLIF(current_setting('app.organisation', true), '')::uuid"
_TABLES = """
CREATE TABLE django_migrations (app text, name text);
INSERT INTO django_migrations VALUES ('audit', '0001_ledger'), ('records', '0001_residents');
CREATE TABLE resident (id uuid PRIMARY KEY, organisation_id uuid NOT NULL, UNIQUE (organisation_id, id));
CREATE TABLE note (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organisation_id uuid NOT NULL, resident_id uuid NOT NULL,
    body bytea NOT NULL, CONSTRAINT note_resident FOREIGN KEY (organisation_id, resident_id)
        REFERENCES resident (organisation_id, id) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE audit_checkpoint (organisation_id uuid NOT NULL, size bigint NOT NULL, note text NOT NULL,
    digest bytea NOT NULL, root bytea NOT NULL, frontier bytea NOT NULL, key_id text NOT NULL);
CREATE TABLE audit_verification (organisation_id uuid NOT NULL);
"""
_WALLS = "".join(
    f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY;"
    f"CREATE POLICY {table}_tenant ON {table} USING ({_OWN}) WITH CHECK ({_OWN});"
    f"GRANT SELECT, INSERT ON {table} TO carehome_app;"
    for table in ("resident", "note")
)


@dataclass(frozen=True)
class House:
    """roles: of the database that is backed up."""

    roles: Roles

    def build(self, *, first_release: bool = False) -> None:
        """first_release: a house that was never upgraded, whose ledger is of format 1."""
        with self.roles.owner.connect() as connection:
            connection.execute(_TABLES)
            connection.execute(ledger_sql.TABLES + ledger_sql.PARTITIONS + ledger_sql.FUNCTIONS + ledger_sql.TRIGGERS)
            connection.execute(_few_partitions() + ledger_sql.guards() + ledger_sql.walls() + _WALLS)
            if not first_release:
                connection.execute(format_2.COLUMNS + format_2.SEALING + format_2.OPEN_VIEWS + format_2.WALLS)
        for organisation, residents in ((FIRST, 3), (SECOND, 2)):
            self.add(organisation, residents=residents)

    def add(self, organisation: UUID, *, residents: int = 1, notes_each: int = 4) -> None:
        """Residents with notes, and one sealed entry for each resident; committed, as the application."""
        with self.roles.app.connect() as connection:
            connection.execute("SELECT set_config('app.organisation', %s, true)", [str(organisation)])
            for _ in range(residents):
                resident = uuid4()
                connection.execute("INSERT INTO resident VALUES (%s, %s)", [resident, organisation])
                for _ in range(notes_each):
                    connection.execute(
                        "INSERT INTO note (organisation_id, resident_id, body) VALUES (%s, %s, %s)",
                        [organisation, resident, os.urandom(200)],
                    )
                _append(connection, organisation, resident)

    def sign_checkpoint(self, organisation: UUID) -> str:
        """Sign the ledger as it stands and store the note; returns it."""
        with self.roles.reader.connect() as connection:
            leaves = [
                bytes(leaf)
                for (leaf,) in connection.execute(
                    "SELECT leaf FROM audit_seal WHERE organisation_id = %s ORDER BY seq", [organisation]
                )
            ]
            digest = connection.execute(
                "SELECT digest FROM audit_head WHERE organisation_id = %s", [organisation]
            ).fetchone()[0]
        frontier, size = merkle.extend([], 0, leaves)
        signer = signing.signer()
        body = notes.CheckpointBody(
            origin=f"{signer.name}/{organisation}", size=size, root=merkle.root(frontier), digest=bytes(digest)
        )
        signature = signer.sign(body.text().encode())
        note = notes.sign(body.text(), name=signer.name, public_key=signer.public_key_bytes, signature=signature)
        row = (organisation, size, note, body.digest, body.root, merkle.pack(frontier), signer.key_id)
        self.change("INSERT INTO audit_checkpoint VALUES (%s, %s, %s, %s, %s, %s, %s)", *row)
        return note

    def change(self, statement: str, *values: object) -> None:
        """As an intruder with the owner's password would: past every trigger and wall."""
        with self.roles.owner.connect() as connection:
            connection.execute("SET ROLE carehome_audit")
            connection.execute(statement, values)


def _append(connection: psycopg.Connection, organisation: UUID, resident: UUID) -> None:
    salt, detail = os.urandom(32), os.urandom(60)
    connection.execute(
        "INSERT INTO audit_event"
        " (id, organisation_id, at, kind, actor, action, subject, residents, commitment, salt, detail)"
        " VALUES (%s, %s, %s, 'act', 'staff:x', 'records.resident.admitted', %s, %s, %s, %s, %s)",
        [
            uuid4(),
            organisation,
            datetime.now(UTC),
            f"resident:{resident}",
            [resident],
            hashlib.sha256(salt + detail).digest(),
            salt,
            detail,
        ],
    )


def _few_partitions() -> str:
    """The default partitions alone: what a dump must carry, without two years of empty months."""
    statements = ledger_sql.first_partitions().splitlines()
    return "\n".join(statement for statement in statements if "_other" in statement)
