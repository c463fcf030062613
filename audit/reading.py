"""Noting what is read: every record that comes out of the database is noted by the model itself, not by the view.

Views forget; `from_db` cannot. The door (middleware or task) opens `collecting`, and before its answer leaves writes
one entry for the set of residents whose records came by. Where no door is open a read raises, and a bulk read that
would slip past `from_db` raises unless it is wrapped in `audited(reason)`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NoReturn
from uuid import UUID

from django.db import models

from audit.errors import UnwatchedRead


@dataclass(slots=True)
class Reading:
    """The residents whose records came by, and whether bulk access is allowed inside."""

    reason: str | None = None
    residents: set[UUID] = field(default_factory=set)
    care_homes: set[UUID] = field(default_factory=set)


_reading: ContextVar[Reading | None] = ContextVar("audit_reading", default=None)


@contextmanager
def collecting(reason: str | None = None) -> Iterator[Reading]:
    """Open a door. Only the doors use this (middleware, `audited`); it writes nothing by itself."""
    reading = Reading(reason)
    token = _reading.set(reading)
    try:
        yield reading
    finally:
        _reading.reset(token)


def reading_or_none() -> Reading | None:
    """What came by so far behind the innermost open door."""
    return _reading.get()


class WatchedQuerySet(models.QuerySet[Any]):
    """Reads that build no model instance, and writes that send no signal, are refused outside `audited`."""

    def _refuse(self, method: str) -> None:
        reading = _reading.get()
        if reading is None or reading.reason is None:
            raise UnwatchedRead(f"{method}() on a record passes the ledger by. Wrap it in audited(reason).")

    def values(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse("values")
        return super().values(*args, **kwargs)

    def values_list(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse("values_list")
        return super().values_list(*args, **kwargs)

    def aggregate(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse("aggregate")
        return super().aggregate(*args, **kwargs)

    def iterator(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse("iterator")
        return super().iterator(*args, **kwargs)

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse("raw")
        return super().raw(*args, **kwargs)  # type: ignore[attr-defined]

    def update(self, **kwargs: Any) -> NoReturn:
        raise UnwatchedRead("update() sends no signal. Save each record, so that its change is sealed.")

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise UnwatchedRead("bulk_create() sends no signal. Save each record, so that its change is sealed.")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise UnwatchedRead("bulk_update() sends no signal. Save each record, so that its change is sealed.")

    def delete(self) -> NoReturn:
        raise UnwatchedRead("Records are superseded or erased by a service, never deleted.")


class Watched(models.Model):
    """A model whose every row read is noted. Subclasses give `watched_resident_id`."""

    class Meta:
        abstract = True

    @property
    def watched_resident_id(self) -> UUID:
        raise NotImplementedError

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any, **kwargs: Any) -> Any:
        instance = super().from_db(db, field_names, values, **kwargs)
        reading = _reading.get()
        if reading is None:
            raise UnwatchedRead("A record was read where nothing would note it.")
        reading.residents.add(instance.watched_resident_id)
        care_home_id = instance.__dict__.get("care_home_id")
        if care_home_id is not None:
            reading.care_homes.add(care_home_id)
        return instance

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise UnwatchedRead("Records are superseded or erased by a service, never deleted.")
