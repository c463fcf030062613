"""Keyed digests of record versions: they tie each version of a record to the entry that sealed it."""

import json
from datetime import UTC, datetime
from typing import Any

from audit.cipher import cipher


def record_digest(instance: Any) -> bytes:
    """A keyed digest (32 bytes) of one record's version: its column values in clear, by column name.

    A model may name columns that stand outside: `unsealed` (they change without an act worth an entry, such as when a
    device was last seen) and `sealed_when_set` (added later; a null in them leaves earlier digests as they were).
    """
    values = {
        field.attname: _plain(field.to_python(getattr(instance, field.attname)))
        for field in instance._meta.concrete_fields
        if field.attname not in getattr(instance, "unsealed", ())
    }
    for name in getattr(instance, "sealed_when_set", ()):
        if values[name] is None:
            del values[name]
    message = json.dumps(values, sort_keys=True, ensure_ascii=False).encode()
    return cipher().record_digest(instance.organisation_id, message)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, memoryview):
        return bytes(value).hex()
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, bool | int | str | list | dict) else str(value)
