"""How busy each hour of each weekday was, in London's time. Pure: hours of UTC and their numbers in, a grid out.

Entries are counted by the hour of UTC and put into London's hours here, so that a change of the clocks is right: the
hour that comes twice in October holds both, the one that does not exist in March holds nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from compliance.ledger.sentences import LONDON

LEVELS = 5  # shades beside "none"; the number itself stands in every cell


@dataclass(frozen=True, slots=True)
class Cell:
    """hour: 0 to 23; weekday: 1 (Monday) to 7; level: 0 (none) to LEVELS, by the share of the busiest cell."""

    hour: int
    weekday: int
    count: int
    level: int


def grid(hours: Mapping[datetime, int]) -> list[list[Cell]]:
    """24 rows, one for each hour, of 7 cells, Monday first."""
    counts: dict[tuple[int, int], int] = {}
    for begin, count in hours.items():
        local = begin.astimezone(LONDON)
        place = (local.hour, local.isoweekday())
        counts[place] = counts.get(place, 0) + count
    most = max(counts.values(), default=0)
    return [
        [Cell(hour, day, count, _level(count, most)) for day in range(1, 8) for count in [counts.get((hour, day), 0)]]
        for hour in range(24)
    ]


def _level(count: int, most: int) -> int:
    return -(-count * LEVELS // most) if count else 0
