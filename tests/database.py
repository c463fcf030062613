"""The tests' database: a migrated template, a copy for each worker, and an emptying that append-only tables allow."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from carehome.embedded import roles
from carehome.environment import ROOT
from tests import settings as run

TEMPLATE = "carehome_test_template"
_KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def start() -> None:
    """Start the cluster and make the migrated template. Called once per run, by the process that outlives the rest."""
    run.CLUSTER.start()
    admin = run.CLUSTER.conninfo()
    roles.ensure_roles(admin, dict.fromkeys(roles.WITH_PASSWORD, run.PASSWORD))
    roles.create_database(admin, TEMPLATE)
    migrate(TEMPLATE)


def migrate(database: str) -> None:
    urls = {
        "DATABASE_URL": run.url("carehome_app", database),
        "DATABASE_OWNER_URL": run.url("carehome_owner", database),
        "DJANGO_SETTINGS_MODULE": "carehome.settings",
    }
    command = [sys.executable, "manage.py", "migrate", "--database", "owner", "--verbosity", "0", "--skip-checks"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | urls, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The tests' database did not migrate:\n{done.stderr[-4000:]}")


def copy_template() -> None:
    with psycopg.connect(run.CLUSTER.conninfo(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER carehome_owner").format(
                sql.Identifier(run.DATABASE), sql.Identifier(TEMPLATE)
            )
        )
        for role in (roles.APP, roles.BACKUP):
            connection.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(run.DATABASE), sql.Identifier(role))
            )


@contextmanager
def as_admin() -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to this worker's database: the attacker of tampering tests, and the cleaner."""
    with psycopg.connect(run.CLUSTER.conninfo(run.DATABASE), autocommit=True) as connection:
        yield connection


def empty() -> None:
    """Take every row away, also where nobody else may: triggers are off for this one connection.

    Only tables with a file that is not empty: truncating a hundred partitions that nothing was written to takes longer
    than most tests. A parent's partitions are tables of their own here.
    """
    with as_admin() as connection:
        connection.execute("SET session_replication_role = replica")
        tables = connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind = 'r' AND pg_relation_size(c.oid) > 0"
        ).fetchall()
        names = [sql.Identifier(name) for (name,) in tables if name not in _KEPT]
        if names:
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(sql.SQL(", ").join(names)))
