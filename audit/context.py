"""Who is acting, from where: told once at the door, so that entries made beneath the services carry it too."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

from audit.errors import NoOrigin


@dataclass(slots=True)
class Origin:
    """actor and device are refs; `covered` gathers the residents that entries of this request named already."""

    organisation_id: UUID
    actor: str
    device: str | None = None
    covered: set[UUID] = field(default_factory=set)


_origin: ContextVar[Origin | None] = ContextVar("audit_origin", default=None)


@contextmanager
def acting(origin: Origin) -> Iterator[Origin]:
    token = _origin.set(origin)
    try:
        yield origin
    finally:
        _origin.reset(token)


def origin() -> Origin:
    """Raises NoOrigin."""
    current = _origin.get()
    if current is None:
        raise NoOrigin
    return current


def origin_or_none() -> Origin | None:
    return _origin.get()
