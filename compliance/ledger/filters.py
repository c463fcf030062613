"""What the explorer is asked for: read from an address that holds ids and codes only, never a name or a word typed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID

from audit.models import EventKind
from compliance.ledger.sentences import GROUPS, LONDON

PERIODS = {"today": 0, "yesterday": 1, "7": 6, "30": 29}  # code: how many days before today the period begins
ALL = "all"
DEFAULT = "30"
SYSTEM = "system"  # in place of a person's id
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = date(2000, 1, 2), date(9998, 12, 31)


@dataclass(frozen=True, slots=True)
class Filters:
    """since, until: days in London, both included; they win over `period`. hour, weekday (1 is Monday): in London.

    ignored: names of the parts of the address that were not understood, to be told.
    """

    resident: UUID | None = None
    person: str = ""  # a staff id, or SYSTEM
    home: UUID | None = None
    did: str = ""
    kind: str = ""
    device: UUID | None = None
    period: str = ""
    since: date | None = None
    until: date | None = None
    hour: int | None = None
    weekday: int | None = None
    alert: UUID | None = None
    number: int | None = None
    ignored: tuple[str, ...] = field(default=(), compare=False)

    @property
    def actor(self) -> str:
        return f"staff:{self.person}" if self.person and self.person != SYSTEM else ""

    def params(self) -> dict[str, str]:
        """As it stands in an address; only what is set."""
        found = {name: getattr(self, name) for name in NAMES}
        return {name: str(value) for name, value in found.items() if value not in (None, "")}

    def query(self, **changes: object) -> str:
        """`?…` with some parts changed; None takes a part away. Nothing at all gives `?`, which means this page."""
        return "?" + urlencode(replace(self, **changes).params() if changes else self.params())  # type: ignore[arg-type]

    def without(self, *names: str) -> str:
        return self.query(**{name: _EMPTY[name] for name in names})

    def span(self, now: datetime) -> tuple[datetime, datetime | None]:
        """[from, until) in UTC. No end where the newest are wanted: an entry of a clock that ran ahead shows too."""
        if self.since or self.until:
            until = midnight(self.until + timedelta(days=1)) if self.until else None
            return midnight(self.since) if self.since else EPOCH, until
        today = now.astimezone(LONDON).date()
        period = self.period or DEFAULT
        if period == ALL:
            return EPOCH, None
        begin = midnight(today - timedelta(days=PERIODS[period]))
        return begin, midnight(today) if period == "yesterday" else None


NAMES = tuple(each.name for each in fields(Filters) if each.name != "ignored")
_EMPTY = {each.name: each.default for each in fields(Filters)}


def midnight(day: date) -> datetime:
    """The moment in UTC at which a day begins in London."""
    return datetime.combine(day, time(), LONDON).astimezone(UTC)


def read(query: Mapping[str, str]) -> Filters:
    """The filters of an address; a part that means nothing is left out and named in `ignored`."""
    found: dict[str, object] = {}
    ignored: list[str] = []
    for name, text in ((name, query.get(name, "").strip()) for name in NAMES):
        if not text:
            continue
        try:
            found[name] = _READERS[name](text)
        except ValueError:
            ignored.append(name)
    since, until = found.get("since"), found.get("until")
    if isinstance(since, date) and isinstance(until, date) and since > until:
        found["since"], found["until"] = until, since
    return Filters(**found, ignored=tuple(ignored))  # type: ignore[arg-type]


def _one_of(*known: str) -> Callable[[str], object]:
    def reader(text: str) -> str:
        if text not in known:
            raise ValueError(text)
        return text

    return reader


def _within(lowest: int, highest: int) -> Callable[[str], object]:
    def reader(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 19 or not lowest <= int(text) <= highest:
            raise ValueError(text)
        return int(text)

    return reader


def _person(text: str) -> str:
    return text if text == SYSTEM else str(UUID(text))


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if not _EARLIEST <= day <= _LATEST:
        raise ValueError(text)
    return day


_READERS: dict[str, Callable[[str], object]] = {
    "resident": UUID,
    "person": _person,
    "home": UUID,
    "did": _one_of(*GROUPS),
    "kind": _one_of(*EventKind.values),
    "device": UUID,
    "period": _one_of(ALL, *PERIODS),
    "since": _day,
    "until": _day,
    "hour": _within(0, 23),
    "weekday": _within(1, 7),
    "alert": UUID,
    "number": _within(1, 2**62),
}


@dataclass(frozen=True, slots=True)
class Cursor:
    """Between which two entries the page begins. older: the page goes towards the past."""

    at: datetime
    id: UUID
    older: bool

    @property
    def text(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}_{self.id.hex}"


def cursor(query: Mapping[str, str]) -> Cursor | None:
    """From `before` or `after` in the address; None where there is none, or none that means anything."""
    for name, older in (("before", True), ("after", False)):
        moment, _, event = query.get(name, "").partition("_")
        try:
            return Cursor(EPOCH + timedelta(microseconds=int(moment)), UUID(event), older)
        except (ValueError, OverflowError):
            continue
    return None
