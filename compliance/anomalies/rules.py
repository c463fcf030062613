"""The rules that find unusual access. Pure: views of records in, bursts out.

The first rule is bulk viewing: more than 14 different residents opened by one person within 10 minutes. A round gives
each resident some minutes, and the largest group one person cares for is about 12, so 15 different records in 10
minutes is reading, not caring. Counting different residents, not page loads, keeps a busy carer who goes back and
forth between a few people out of it. Volume alone finds little else, so no attempt is made to be cleverer here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True)
class BulkViewing:
    """The rule's numbers: more than `more_than` different residents within `within`."""

    more_than: int = 14
    within: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Opened:
    """One person opened one resident's record. `actor` is a ref; `at` is aware."""

    actor: str
    resident: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Burst:
    """A stretch in which every moment lies in a window that breaks the rule."""

    actor: str
    first_at: datetime
    last_at: datetime
    residents: frozenset[UUID]


def bursts(opens: Iterable[Opened], rule: BulkViewing) -> list[Burst]:
    """The bursts among these views, by actor and then by time.

    opens: in any order; the same view given twice changes nothing. Windows that overlap make one burst.
    Cannot see a burst's beginning when it lies before the first view given.
    """
    by_actor: dict[str, list[Opened]] = defaultdict(list)
    for opened in opens:
        by_actor[opened.actor].append(opened)
    return [burst for actor in sorted(by_actor) for burst in _bursts_of_one(actor, by_actor[actor], rule)]


def _bursts_of_one(actor: str, opens: list[Opened], rule: BulkViewing) -> list[Burst]:
    opens.sort(key=lambda opened: opened.at)
    stretches: list[tuple[int, int]] = []
    start, seen = 0, Counter[UUID]()
    for end, opened in enumerate(opens):
        seen[opened.resident] += 1
        while opened.at - opens[start].at > rule.within:
            seen[opens[start].resident] -= 1
            if not seen[opens[start].resident]:
                del seen[opens[start].resident]
            start += 1
        if len(seen) > rule.more_than:
            if stretches and stretches[-1][1] >= start:
                stretches[-1] = (stretches[-1][0], end)
            else:
                stretches.append((start, end))
    return [
        Burst(actor, opens[a].at, opens[b].at, frozenset(opened.resident for opened in opens[a : b + 1]))
        for a, b in stretches
    ]
