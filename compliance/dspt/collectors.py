"""What a collector is, and the register of them.

A collector is a fact with its sources: it looks at one organisation over one period and says what it found. A person
confirms. What a collector cannot see it calls unknown, because a green mark that rests on nothing is worse than none.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from compliance.errors import UnknownCollector

if TYPE_CHECKING:
    from access.models import Organisation


class Verdict(StrEnum):
    """What a finding comes to."""

    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Period:
    """The time a collector looks at: since ≤ t < until, both aware."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if self.since.tzinfo is None or self.until.tzinfo is None or self.since >= self.until:
            raise ValueError("A period runs forward between two aware times.")

    @classmethod
    def year_before(cls, until: datetime) -> "Period":
        return cls(since=until - timedelta(days=365), until=until)

    def last(self, span: timedelta) -> "Period":
        """The end of this period, at most `span` long."""
        return Period(since=max(self.since, self.until - span), until=self.until)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a collector saw. `sources` are refs of rows; `seen_at` is when the newest of them was made."""

    verdict: Verdict
    statement: str
    sources: tuple[str, ...] = ()
    seen_at: datetime | None = None

    @classmethod
    def met_if(
        cls, met: bool, statement: str, *, sources: Iterable[str] = (), seen_at: datetime | None = None
    ) -> "Finding":
        return cls(Verdict.MET if met else Verdict.NOT_MET, statement, tuple(sources), seen_at)

    @classmethod
    def unknown(cls, statement: str, *, sources: Iterable[str] = (), seen_at: datetime | None = None) -> "Finding":
        """Nothing was seen that would allow a yes or a no; the statement says why."""
        return cls(Verdict.UNKNOWN, statement, tuple(sources), seen_at)


@dataclass(frozen=True, slots=True)
class Collected:
    """One collector's finding, with the period it looked at."""

    name: str
    title: str
    finding: Finding
    period: Period


Look = Callable[["Organisation", Period], Finding]


@dataclass(frozen=True, slots=True)
class Collector:
    """A registered collector: its name in the editions' files, its title on pages, and how it looks."""

    name: str
    title: str
    look: Look


_register: dict[str, Collector] = {}


def collects(name: str, *, title: str) -> Callable[[Look], Look]:
    """Register a function as the collector of that name. A name taken twice stops the start."""

    def register(look: Look) -> Look:
        if name in _register:
            raise ValueError(f"Two collectors are called {name}.")
        _register[name] = Collector(name, title, look)
        return look

    return register


def collector(name: str) -> Collector:
    """Raises UnknownCollector."""
    try:
        return _register[name]
    except KeyError:
        raise UnknownCollector(name) from None


def names() -> frozenset[str]:
    return frozenset(_register)
