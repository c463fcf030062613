"""Whether what came out of a set can be read again: its own data keys, under our wrapping key, on its own values.

Uses the keys of the restored database, never the live ones: a set whose values open only beside the database that it
should replace is no backup.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from psycopg import Connection, sql

from access import envelope
from access.encryption import EncryptedTextField
from access.errors import AccessError, KeyUnavailable
from access.key_purposes import Purpose
from access.wrapping import wrapping_key


def opening_fault(connection: "Connection[Any]", organisation_id: UUID) -> str:
    """Decrypt the newest value of every encrypted column of the organisation; what is wrong, empty if nothing.

    connection: to the restored database. A value whose key was destroyed by an erasure is meant not to open.
    """
    try:
        keys = _RestoredKeys(connection, organisation_id)
    except AccessError as error:
        return f"the organisation's data key does not open: {error}"
    for table, column, row, sealed in _newest_values(connection, organisation_id):
        try:
            key_id = envelope.key_id(sealed)
            cipher = keys.cipher(key_id)
            if cipher is None:
                continue
            envelope.open_sealed(cipher, key_id, sealed, envelope.place(organisation_id, table, column, row))
        except AccessError:
            return f"a value in {table} does not open"
    return ""


class _RestoredKeys:
    """The organisation's data keys out of the restored database, unwrapped one by one as they are needed."""

    def __init__(self, connection: "Connection[Any]", organisation_id: UUID) -> None:
        self._connection, self._organisation_id = connection, organisation_id
        self._ciphers: dict[UUID, AESGCM] = {}
        rows = self._rows("purpose = %s AND wrapped IS NOT NULL", Purpose.ORGANISATION.value)
        if not rows:
            raise KeyUnavailable("It did not come back.")
        for row, wrapped in rows:
            self._ciphers[row] = AESGCM(wrapping_key().unwrap(bytes(wrapped), self._place(row)))

    def cipher(self, key_id: UUID) -> AESGCM | None:
        """None where the key was destroyed; raises AccessError where it is missing or does not open."""
        if key_id not in self._ciphers:
            rows = self._rows("id = %s", key_id)
            if not rows:
                raise KeyUnavailable("The key did not come back.")
            if rows[0][1] is None:
                return None
            wrapped = bytes(rows[0][1])
            parent = envelope.key_id(wrapped)
            above = self._ciphers.get(parent)
            if above is None:
                raise KeyUnavailable("The key above it did not come back.")
            raw = envelope.open_sealed(above, parent, wrapped, self._place(key_id))
            self._ciphers[key_id] = AESGCM(raw)
        return self._ciphers[key_id]

    def _rows(self, condition: str, value: object) -> list[tuple[UUID, Any]]:
        statement = f"SELECT id, wrapped FROM access_data_key WHERE organisation_id = %s AND {condition}"  # noqa: S608
        return self._connection.execute(statement, [self._organisation_id, value]).fetchall()

    def _place(self, row: UUID) -> bytes:
        return envelope.place(self._organisation_id, "access_data_key", "wrapped", row)


def _encrypted(field: object) -> bool:
    return isinstance(field, EncryptedTextField)


def _newest_values(connection: "Connection[Any]", organisation_id: UUID) -> Iterator[tuple[str, str, UUID, bytes]]:
    """Table, column, row and ciphertext: one of each encrypted column that has a value."""
    for model in apps.get_models():
        key, table = str(model._meta.pk.column), model._meta.db_table
        for column in (str(field.column) for field in model._meta.concrete_fields if _encrypted(field)):
            statement = sql.SQL(
                "SELECT {key}, {column} FROM {table} WHERE organisation_id = %s AND {column} IS NOT NULL"
                " ORDER BY {key} DESC LIMIT 1"
            ).format(key=sql.Identifier(key), column=sql.Identifier(column), table=sql.Identifier(table))
            for row, sealed in connection.execute(statement, [organisation_id]).fetchall():
                yield table, column, row, bytes(sealed)
