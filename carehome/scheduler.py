"""The scheduler that never runs twice: of any number of started beats, one holds the database's lock and works.

The lock is PostgreSQL's and lives as long as the connection that took it, so a beat that dies or loses the database
gives way by itself, and a waiting one takes over within seconds. A lock file would know nothing of other machines.
"""

import structlog
from celery.beat import PersistentScheduler
from django.db import Error as DatabaseError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

log = structlog.get_logger(__name__)

LOCK = 0x6361726568  # "careh": one number for the whole database
_WAIT = 5.0  # seconds between two attempts


class OneScheduler(PersistentScheduler):
    """Celery's own scheduler behind the lock."""

    _line: BaseDatabaseWrapper | None = None

    def tick(self, *args: object, **kwargs: object) -> float:
        """Seconds until it wants to be asked again; sends what is due while it holds the lock, nothing otherwise."""
        if not self.holds_lock():
            return _WAIT
        return float(super().tick(*args, **kwargs))

    def holds_lock(self) -> bool:
        """Whether the lock is ours: still, or from now on."""
        try:
            return self._still_holds() if self._line is not None else self._takes()
        except DatabaseError:
            log.exception("schedule_waits_for_database")
            self._let_go()
            return False

    def close(self) -> None:
        self._let_go()
        super().close()

    def _still_holds(self) -> bool:
        """A connection that answers still has its lock."""
        self._ask("SELECT 1")
        return True

    def _takes(self) -> bool:
        self._line = connections["default"].copy()
        taken = bool(self._ask("SELECT pg_try_advisory_lock(%s)", LOCK))
        if not taken:
            self._let_go()
        return taken

    def _ask(self, query: str, *parameters: int) -> object:
        assert self._line is not None
        with self._line.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchone()[0]

    def _let_go(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
