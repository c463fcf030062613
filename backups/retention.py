"""Which sets to keep. Pure: times in, names out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

DAILY, WEEKLY = 14, 8


@dataclass(frozen=True, slots=True)
class Retention:
    """Newest set of each of so many days and so many ISO weeks; days without any set do not count.

    Erased residents stay readable in sets made before their erasure until these expire: weekly sets bound that time.
    """

    daily: int = DAILY
    weekly: int = WEEKLY
    recent: timedelta = timedelta(hours=24)

    def kept(self, sets: Mapping[str, datetime]) -> set[str]:
        """Names to keep, of sets by the aware UTC time they were made: also all of the last 24 hours."""
        if not sets:
            return set()
        newest_first = sorted(sets, key=lambda name: sets[name], reverse=True)
        latest = sets[newest_first[0]]
        days: dict[object, str] = {}
        weeks: dict[object, str] = {}
        for name in newest_first:
            days.setdefault(sets[name].date(), name)
            weeks.setdefault(sets[name].isocalendar()[:2], name)
        recent = {name for name in newest_first if latest - sets[name] < self.recent}
        return {newest_first[0], *recent, *list(days.values())[: self.daily], *list(weeks.values())[: self.weekly]}

    def expired(self, sets: Mapping[str, datetime]) -> list[str]:
        """Names to delete, oldest first."""
        return sorted(sets.keys() - self.kept(sets), key=lambda name: sets[name])
