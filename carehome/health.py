"""The two probes: `/healthz` says the process answers, `/readyz` says it can do its work and, if not, which part fails.

Both are open to anyone, so they name parts and states, never hosts, versions, users or messages.
"""

import base64
import binascii
import functools
from collections.abc import Callable
from pathlib import Path

import redis
import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from carehome.embedded.valkey import client_url

log = structlog.get_logger(__name__)

_BROKER_SECONDS = 2
_FAILURES = (DatabaseError, redis.RedisError, OSError, ValueError, LookupError)


class NotReady(ValueError):
    """A part answers, but not as it must; the log says which."""


@login_not_required
@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Alive. Asks nothing of anyone, so that an outage elsewhere restarts no healthy process."""
    return JsonResponse({"state": "alive"})


healthz.asks_nothing = True  # type: ignore[attr-defined]  # no organisation, so no session: access.middleware


@login_not_required
@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Ready (200), or not (503) with the state of each part."""
    parts = {name: _state(name, check) for name, check in PARTS.items()}
    ready = all(state == "ready" for state in parts.values())
    body = {"state": "ready" if ready else "not ready", "parts": parts}
    return JsonResponse(body, status=200 if ready else 503)


def _state(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except _FAILURES:
        log.exception("part_not_ready", part=name)
        return "failed"
    return "ready"


def check_database() -> None:
    """The database answers, and knows us as the application's role and nothing stronger."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (role,) = cursor.fetchone()
    if role != settings.DATABASE_APP_ROLE:
        raise NotReady("another role than the application's")


def check_broker() -> None:
    """The broker answers a ping in time."""
    address = client_url(settings.REDIS_URL)
    with redis.Redis.from_url(
        address, socket_timeout=_BROKER_SECONDS, socket_connect_timeout=_BROKER_SECONDS
    ) as client:
        client.ping()


def check_key() -> None:
    """The wrapping key can be read and is one."""
    try:
        key = base64.b64decode(Path(settings.WRAPPING_KEY_FILE).read_bytes(), validate=False)
    except binascii.Error as error:
        raise NotReady("not base64") from error
    if len(key) != 32:
        raise NotReady("not 32 bytes")


def check_migrations() -> None:
    """Every app's newest migration on disk is applied."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        applied = set(cursor.fetchall())
    if not newest_migrations() <= applied:
        raise NotReady("migrations wait")


@functools.cache
def newest_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


PARTS: dict[str, Callable[[], None]] = {
    "database": check_database,
    "broker": check_broker,
    "key": check_key,
    "migrations": check_migrations,
}
