"""The tenancy wall: which organisation's rows this thread of work may see.

The organisation travels inside each statement's own message (`SELECT set_config('app.organisation', …, true); …`), so
it ends with the transaction and nothing survives on a pooled connection; measured at 1.01 to 1.06 times no wall, where
a statement of its own costs 1.3 times. Row-level security in the database does the refusing; without an organisation
it gives no rows, and the managers here raise before asking.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, models
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from access.errors import NoTenant

_tenant: ContextVar[UUID | None] = ContextVar("access_tenant", default=None)


@contextmanager
def acting_for(organisation_id: UUID) -> Iterator[None]:
    """Open one organisation's rows. Called by the doors only: middleware, the Celery base task, commands, tests."""
    token = _tenant.set(UUID(str(organisation_id)))
    try:
        yield
    finally:
        _tenant.reset(token)


def current_organisation_id() -> UUID:
    """Raises NoTenant."""
    organisation_id = _tenant.get()
    if organisation_id is None:
        raise NoTenant("No organisation is open.")
    return organisation_id


# They read no rows, and a rollback to a savepoint has to reach a transaction that refuses every other statement.
_SAVEPOINTS = ("SAVEPOINT ", "ROLLBACK TO SAVEPOINT ", "RELEASE SAVEPOINT ")


def _with_tenant(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    organisation_id = _tenant.get()
    if organisation_id is None or sql.startswith(_SAVEPOINTS):
        return execute(sql, params, many, context)
    prefix = f"SELECT set_config('app.organisation', '{organisation_id}', true); "  # a UUID: nothing to escape
    if many:
        raise NoTenant("executemany() cannot carry the organisation; use one statement with many rows.")
    result = execute(prefix + sql, params, many, context)
    cursor = context["cursor"]
    while cursor.nextset():
        pass
    return result


_weak_roles: set[str] = set()  # found weak enough by this process


def _refuse_strong_role(connection: Any) -> None:
    """A superuser, or a role that bypasses row-level security, would walk through the wall: nothing runs as one.

    Asked once per process and role, on the first connection of web server, worker and commands alike.
    """
    role = str(connection.settings_dict["USER"])
    if role in _weak_roles:
        return
    strong = connection.connection.execute(
        "SELECT bool_or(rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname IN (current_user, session_user)"
    ).fetchone()[0]
    if strong:
        connection.close()
        raise ImproperlyConfigured("DATABASE_URL names a database role that no wall holds. Put carehome_app there.")
    _weak_roles.add(role)


@receiver(connection_created, dispatch_uid="access.tenancy")
def _build_wall(connection: Any, **kwargs: Any) -> None:
    if connection.alias == DEFAULT_DB_ALIAS:
        _refuse_strong_role(connection)
    if _with_tenant not in connection.execute_wrappers:
        connection.execute_wrappers.append(_with_tenant)


class TenantManager(models.Manager[Any]):
    """Raises NoTenant before the database would silently give no rows."""

    def get_queryset(self) -> models.QuerySet[Any]:
        current_organisation_id()
        return super().get_queryset()


def organisation_ids() -> list[UUID]:
    """Every organisation, for fan-out: one task each."""
    directory = apps.get_model("access", "Directory")  # by its name: the models are built on this module
    return list(directory._default_manager.order_by("code").values_list("organisation_id", flat=True))
