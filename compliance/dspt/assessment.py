"""Where an organisation stands against an edition: derived from findings and confirmations each time, never stored.

Only Confirmed is green, and only a named person's standing confirmation gives it. A finding alone suggests; a finding
that speaks against a confirmation takes the green away, because what the system sees outweighs what was once signed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from compliance.dspt.collectors import Finding, Verdict
from compliance.dspt.edition import Edition, EvidenceItem, Level, Standard

EXPIRES_SOON = timedelta(days=30)


class State(StrEnum):
    """The state of one evidence item, most urgent first."""

    MISSING = "missing"
    REFRESH = "refresh"
    UNKNOWN = "unknown"
    SUGGESTED = "suggested"
    CONFIRMED = "confirmed"


_URGENCY = {state: number for number, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class Standing:
    """A confirmation that has not been withdrawn or replaced.

    on_finding: what the collector said when it was given; None when no collector speaks to the item.
    """

    statement: str
    confirmed_by: str
    confirmed_at: datetime
    valid_until: date
    on_finding: Verdict | None


def derive(finding: Finding | None, standing: Standing | None, today: date) -> State:
    """The state of one item.

    finding: None when only a person can answer. A confirmation given while the collector saw nothing is a person's own
    word and stands; one that rested on evidence which is no longer there has to be given again.
    """
    verdict = finding.verdict if finding else None
    if standing is None:
        suggestions = {Verdict.MET: State.SUGGESTED, Verdict.UNKNOWN: State.UNKNOWN}
        return suggestions.get(verdict, State.MISSING) if verdict else State.MISSING
    contradicted = verdict is Verdict.NOT_MET
    evidence_gone = verdict is Verdict.UNKNOWN and standing.on_finding is not Verdict.UNKNOWN
    if standing.valid_until < today or contradicted or evidence_gone:
        return State.REFRESH
    return State.CONFIRMED


@dataclass(frozen=True, slots=True)
class Assessed:
    """One item with all that is known of it today."""

    item: EvidenceItem
    state: State
    finding: Finding | None
    standing: Standing | None
    today: date

    @property
    def expires_soon(self) -> bool:
        """Confirmed, and to be confirmed again within a month."""
        return (
            self.state is State.CONFIRMED
            and self.standing is not None
            and self.standing.valid_until - self.today <= EXPIRES_SOON
        )

    @property
    def why(self) -> str:
        """The state in a sentence, for a person who has to act on it."""
        if self.state is State.CONFIRMED and self.standing:
            return f"Confirmed until {_day(self.standing.valid_until)}."
        if self.state is State.REFRESH and self.standing:
            if self.standing.valid_until < self.today:
                return f"The confirmation ran out on {_day(self.standing.valid_until)}."
            if self.finding and self.finding.verdict is Verdict.NOT_MET:
                return f"What the system sees no longer agrees: {self.finding.statement}"
            return "The evidence it was confirmed on is no longer there."
        if self.finding:
            return self.finding.statement
        return "Nobody has confirmed this yet."


@dataclass(frozen=True, slots=True)
class StandardCount:
    """How one standard stands: confirmed of its mandatory items, and its most urgent state."""

    standard: Standard
    confirmed: int
    mandatory: int
    worst: State


@dataclass(frozen=True, slots=True)
class Deadline:
    """The edition's deadline seen from today, and what is known of the next."""

    on: date
    days_left: int
    next_on: date
    next_confirmed: bool

    @property
    def passed(self) -> bool:
        return self.days_left < 0

    @property
    def days_since(self) -> int:
        return -self.days_left


@dataclass(frozen=True, slots=True)
class Assessment:
    """An organisation's position against one edition on one day."""

    edition: Edition
    today: date
    items: tuple[Assessed, ...]

    @property
    def mandatory(self) -> tuple[Assessed, ...]:
        return tuple(assessed for assessed in self.items if assessed.item.mandatory)

    def count(self, state: State) -> int:
        """Mandatory items in that state."""
        return sum(assessed.state is state for assessed in self.mandatory)

    @property
    def counts(self) -> dict[State, int]:
        found = Counter(assessed.state for assessed in self.mandatory)
        return {state: found[state] for state in State}

    @property
    def confirmed(self) -> int:
        return self.count(State.CONFIRMED)

    @property
    def to_go(self) -> int:
        return len(self.mandatory) - self.confirmed

    @property
    def standards_met(self) -> bool:
        return self.to_go == 0

    @property
    def approaching_standards(self) -> bool:
        """All items of the lower level are confirmed; the action plan it also needs is not known here."""
        return all(a.state is State.CONFIRMED for a in self.mandatory if a.item.level is Level.APPROACHING)

    @property
    def by_standard(self) -> tuple[StandardCount, ...]:
        rows = []
        for standard in self.edition.standards:
            states = [assessed.state for assessed in self.mandatory if assessed.item.standard == standard.number]
            worst = min(states, key=_URGENCY.__getitem__, default=State.CONFIRMED)
            rows.append(StandardCount(standard, states.count(State.CONFIRMED), len(states), worst))
        return tuple(rows)

    @property
    def deadline(self) -> Deadline:
        following = self.edition.next
        days_left = (self.edition.deadline - self.today).days
        return Deadline(self.edition.deadline, days_left, following.deadline, following.confirmed)

    def do_next(self, limit: int) -> tuple[Assessed, ...]:
        """The open mandatory items that are worth a person's time first.

        What the system contradicts comes before what ran out; then what only needs a click, then the rest in the order
        of the toolkit, the lower level first. Confirmed items that run out within a month come last.
        """
        waiting = [a for a in self.mandatory if a.state is not State.CONFIRMED or a.expires_soon]
        return tuple(sorted(waiting, key=_rank)[:limit])


def _rank(assessed: Assessed) -> tuple[int, bool]:
    """Sort key; sorting is stable, so equal items keep the toolkit's order."""
    against = assessed.finding is not None and assessed.finding.verdict is Verdict.NOT_MET
    order = [State.REFRESH, State.SUGGESTED, State.UNKNOWN, State.MISSING, State.CONFIRMED]
    return (-1 if against else order.index(assessed.state), assessed.item.level is not Level.APPROACHING)


def assess(
    edition: Edition, *, findings: Mapping[str, Finding], standings: Mapping[str, Standing], today: date
) -> Assessment:
    """Hold an edition's items against what is known.

    findings: by collector name; a collector that was not asked counts as unknown.
    standings: by item ref. today: the date where the home is.
    """
    return Assessment(edition, today, tuple(_assess_item(item, findings, standings, today) for item in edition.items))


def _assess_item(
    item: EvidenceItem, findings: Mapping[str, Finding], standings: Mapping[str, Standing], today: date
) -> Assessed:
    finding = None
    if item.collector:
        finding = findings.get(item.collector) or Finding.unknown("The system has not looked at this yet.")
    standing = standings.get(item.ref)
    return Assessed(item, derive(finding, standing, today), finding, standing, today)


def select(
    items: Iterable[Assessed], *, standard: int | None = None, state: State | None = None, level: Level | None = None
) -> list[Assessed]:
    """The items of one standard, state or level; what is None does not narrow."""
    return [
        assessed
        for assessed in items
        if (standard is None or assessed.item.standard == standard)
        and (state is None or assessed.state is state)
        and (level is None or assessed.item.level is level)
    ]


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
