"""The act under way: it takes in the field change that django-auditlog sees on its subject, so one act is one entry."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Act:
    """detail: what the act itself tells; change: what of its subject changed, as audit.changes tells it."""

    subject: str
    detail: dict[str, Any]
    change: dict[str, Any] = field(default_factory=dict)
    outer: "Act | None" = None


_act: ContextVar[Act | None] = ContextVar("audit_act", default=None)


@contextmanager
def begun(subject: str, detail: Mapping[str, Any]) -> Iterator[Act]:
    act = Act(subject, dict(detail), outer=_act.get())
    token = _act.set(act)
    try:
        yield act
    finally:
        _act.reset(token)


def of(subject: str) -> Act | None:
    """The innermost act under way on this subject."""
    act = _act.get()
    while act is not None and act.subject != subject:
        act = act.outer
    return act


def fold(act: Act, change: Mapping[str, Any]) -> None:
    """Add a change to the act's: of a field changed twice, the first before and the last after are kept."""
    if not act.change:
        act.change = dict(change)
        return
    earlier, later = act.change, dict(change)
    later["fields"] = sorted({*earlier["fields"], *later["fields"]})
    changes = dict(earlier.get("changes", {}))
    for name, (before, after) in later.get("changes", {}).items():
        changes[name] = [changes[name][0] if name in changes else before, after]
    if changes:
        later["changes"] = changes
    act.change = earlier | later
