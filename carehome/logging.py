"""JSON logs, one object a line, with a request or task id and without personal data.

Decision: an allow-list, not a list of what to hide. A line carries only the keys named here, and their values only when
they look like numbers, ids or names of code. Of other libraries' messages the template is kept and what was filled
into it is dropped; of an exception its class and where it was raised, never its text, for PostgreSQL and form errors
quote what a person typed. The ledger says who did what; the log says how the machine fares.
"""

import re
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol
from uuid import UUID

import structlog
from django.conf import settings
from django.http import HttpRequest
from django_structlog import signals
from structlog.typing import EventDict, ProcessorReturnValue, WrappedLogger

_ROOT = Path(__file__).resolve().parent.parent
_PLAIN = re.compile(r"[A-Za-z0-9_.:\[\]<>/-]{1,300}")
_SAFE_PATH = re.compile(r"[a-z0-9._/-]{1,300}")
_QUIET_ROUTES = {"healthz", "readyz"}
_FRAMES = 12
_LARGEST_NUMBER = 10_000_000  # process ids and counts pass; NHS and telephone numbers do not

# Key -> nothing else reaches a line. Refs are `kind:uuid`; `where` and `error` are made below.
_KEYS = {
    *("timestamp", "level", "event", "logger", "request_id", "task_id", "task", "organisation", "staff", "device"),
    *("method", "path", "route", "code", "took_ms", "queue", "count", "seconds", "state", "part", "command", "ref"),
    *("size", "seq", "attempt", "subject", "error", "where", "message", "dropped"),
}
# Loggers whose message is finished before it is logged, with a visitor's or a task's words in it.
_SPEAK_FREELY = ("django.security", "py.warnings", "celery.redirected", "asyncio")

_CELERY_WORDS = {"name": "task", "id": "task_id", "runtime": "seconds"}


class _Record(Protocol):
    name: str
    args: object


def note_start(sender: type, request: HttpRequest, **kwargs: object) -> None:
    """django-structlog's hook at the start of a request."""
    request.META["carehome.started"] = time.perf_counter()


def describe_request(sender: type, request: HttpRequest, log_kwargs: dict[str, Any], **kwargs: object) -> None:
    """django-structlog's hook at the end of a request: method, route, time taken; the path only where it is ours.

    An address that leads nowhere is a visitor's own words, and so is a query string: neither is logged.
    """
    match = request.resolver_match
    log_kwargs["method"] = request.method
    log_kwargs["route"] = match.view_name if match else "none"
    secret = match is not None and getattr(match.func, "names_its_organisation", False)  # a link that opens something
    if match and not secret and _SAFE_PATH.fullmatch(request.path):
        log_kwargs["path"] = request.path
    started = request.META.get("carehome.started")
    if started is not None:
        log_kwargs["took_ms"] = round((time.perf_counter() - started) * 1000, 1)


def leave_out_noise(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """One line a request, at its end; none for the probes while they are well."""
    quiet = line.get("route") in _QUIET_ROUTES and line.get("code") == 200
    if line.get("event") == "request_started" or quiet:
        raise structlog.DropEvent
    return line


def strip_foreign(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """Another library's record: its template, with small numbers filled in and everything else left out.

    Of what Celery fills in by name, the task's name, id and duration are kept.
    """
    record: _Record = line["_record"]
    filled = line.pop("positional_args", None)
    if record.name.startswith(_SPEAK_FREELY):
        line["event"] = "warning_withheld"
    elif isinstance(filled, tuple) and filled:
        line["event"] = _fill(str(line["event"]), tuple(map(_small_number, filled)))
    elif isinstance(filled, Mapping) and record.name.startswith("celery"):
        known = {word: filled[word] for word in _CELERY_WORDS if word in filled}
        line.update({_CELERY_WORDS[word]: value for word, value in known.items()})
        line["event"] = _fill(str(line["event"]), _Known(known))
    return line


class _Known(dict[str, object]):
    """What is not known is left out."""

    def __missing__(self, key: str) -> str:
        return "…"


def _small_number(value: object) -> object:
    return value if isinstance(value, int) and abs(value) < _LARGEST_NUMBER else "…"


def _fill(template: str, filled: object) -> str:
    try:
        return str(template % filled)
    except (TypeError, ValueError):
        return template


def name_task(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """Inside a Celery task: its id and name."""
    if (state := sys.modules.get("celery._state")) is not None and (task := state.get_current_task()) is not None:
        line.setdefault("task_id", task.request.id)
        line.setdefault("task", task.name)
    return line


def name_failure(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """An exception becomes its class, its causes' classes, and the places it passed; its text is left out."""
    found = line.pop("exc_info", None)
    raised = found if isinstance(found, BaseException) else (sys.exc_info()[1] if found is True else None)
    if isinstance(found, tuple):
        raised = found[1]
    if raised is None:
        return line
    line["error"] = [_class_name(error) for error in _chain(raised)]
    line["where"] = _places(raised.__traceback__)
    if _debugging():
        line["message"] = str(raised)
    return line


def keep_allowed(logger: WrappedLogger, method: str, line: EventDict) -> ProcessorReturnValue:
    """Only the keys of the list, in order, each checked; what was left out is named by its key."""
    free = {"event", *(("message",) if _debugging() else ())}
    kept = {key: line[key] for key in line if key in _KEYS and (key in free or _is_plain(line[key]))}
    dropped = sorted(key for key in line if key not in kept and not key.startswith("_") and key not in _EXPECTED)
    if dropped:
        kept["dropped"] = dropped
    return kept


_EXPECTED = {"request", "user_agent", "positional_args", "stack_info", "color_message"}


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if value is None or isinstance(value, bool | int | float | UUID):
        return True
    return isinstance(value, str) and _PLAIN.fullmatch(value) is not None


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain and len(chain) < 5:
        chain.append(following)
        following = following.__cause__ or following.__context__
    return chain


def _class_name(error: BaseException) -> str:
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}"


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return [f"{_short(frame.filename)}:{frame.lineno}:{frame.name}" for frame in frames]


def _short(filename: str) -> str:
    path = Path(filename)
    if "site-packages" in path.parts:
        return "/".join(path.parts[path.parts.index("site-packages") + 1 :])
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else path.name


def _debugging() -> bool:
    """Asked for each line, never at import: this module is read while the settings are being made."""
    return bool(settings.configured and settings.DEBUG)


_BEFORE: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    name_task,
]

CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [name_failure, keep_allowed, structlog.processors.JSONRenderer(ensure_ascii=False)],
            "foreign_pre_chain": [*_BEFORE, strip_foreign],
            "use_get_message": False,
            "pass_foreign_args": True,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # request_finished and request_failed say the same with an id.
        "django.request": {"level": "CRITICAL"},
        "django.server": {"level": "CRITICAL"},
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
        "axes": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
    },
}

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_BEFORE,
        leave_out_noise,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
signals.bind_extra_request_metadata.connect(note_start, dispatch_uid="carehome.logging")
signals.bind_extra_request_finished_metadata.connect(describe_request, dispatch_uid="carehome.logging")
signals.bind_extra_request_failed_metadata.connect(describe_request, dispatch_uid="carehome.logging")
