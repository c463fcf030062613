"""What a start has already done, so that the next one can skip it: kept as fingerprints in `var/state.json`.

A fingerprint is taken over names, sizes and times of files, which costs milliseconds; the slow commands behind it
(migrate, collectstatic) cost seconds each.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import psycopg


class State:
    """A small dictionary on disk; unreadable or absent means that nothing has been done."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self.values: dict[str, str] = json.loads(file.read_text())
        except (OSError, ValueError):
            self.values = {}

    def has(self, key: str, value: str) -> bool:
        return self.values.get(key) == value

    def keep(self, key: str, value: str) -> None:
        self.values[key] = value
        draft = self.file.with_suffix(".new")
        draft.write_text(json.dumps(self.values, indent=2, sort_keys=True))
        draft.replace(self.file)


def fingerprint(files: Iterable[Path], *words: str) -> str:
    """One digest over the files' paths, sizes and modification times, and over the words."""
    digest = hashlib.sha256("\0".join(words).encode())
    for file in sorted(files):
        about = file.stat()
        digest.update(f"{file}\0{about.st_size}\0{about.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def migration_files(root: Path) -> list[Path]:
    """Our migrations, and the lock file that pins everyone else's."""
    return [*root.glob("*/migrations/*.py"), root / "requirements" / "base.txt"]


def static_files(root: Path) -> list[Path]:
    own = [path for path in (root / "static").rglob("*") if path.is_file()]
    return [*own, root / "requirements" / "base.txt", root / "carehome" / "staticfiles.py"]


def applied_migrations(conninfo: str) -> int:
    """How many migrations the database has seen; 0 for a new one."""
    with psycopg.connect(conninfo) as connection:
        if _table_exists(connection, "django_migrations"):
            return _count(connection, "SELECT count(*) FROM django_migrations")
    return 0


def has_organisation(conninfo: str) -> bool:
    """Whether any organisation is there; conninfo: a role that row-level security does not blind."""
    with psycopg.connect(conninfo) as connection:
        if not _table_exists(connection, "access_organisation"):
            return False
        return _count(connection, "SELECT count(*) FROM access_organisation") > 0


def _table_exists(connection: psycopg.Connection[tuple[object, ...]], name: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone()
    return row == (True,)


def _count(connection: psycopg.Connection[tuple[object, ...]], query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(str(row[0])) if row else 0
