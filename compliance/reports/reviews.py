"""When a month's privileged activity counts as reviewed. Pure.

A person reviews what others did: an act counts as looked at once somebody else than who did it has reviewed the month.
A review says how many acts it saw. If the month holds another number now, the review does not count: something was
added, or is missing, and has to be looked at.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

WITHIN = timedelta(days=28)  # after the month's end


class State(StrEnum):
    NOTHING = "nothing"
    RUNNING = "running"
    REVIEWED = "reviewed"
    WAITING = "waiting"
    OVERDUE = "overdue"


TITLES = {
    State.NOTHING: "Nothing to review",
    State.RUNNING: "The month is not over",
    State.REVIEWED: "Reviewed",
    State.WAITING: "To review",
    State.OVERDUE: "Overdue",
}


@dataclass(frozen=True, slots=True)
class Act:
    """home None: an act of the whole organisation."""

    actor: str
    home: UUID | None


@dataclass(frozen=True, slots=True)
class Review:
    """by: who looked. homes: the homes whose acts that person saw, besides those of no single home. acts: how many."""

    ref: str
    by: str
    at: datetime
    homes: frozenset[UUID]
    acts: int

    def saw(self, act: Act) -> bool:
        return act.home is None or act.home in self.homes


@dataclass(frozen=True, slots=True)
class Standing:
    """open: acts that nobody else has looked at. changed: a review saw another number of acts than there are."""

    state: State
    acts: int
    open: int
    changed: bool
    reviews: tuple[Review, ...]


def standing(
    acts: Sequence[Act], reviews: Iterable[Review], *, homes: Set[UUID], ended_at: datetime, now: datetime
) -> Standing:
    """acts: all of the organisation's in the month. homes: those of whoever asks; acts elsewhere are not counted.

    ended_at: when the month was over; a review given before does not count.
    """
    given = tuple(reviews)
    holds = [review for review in given if review.at >= ended_at and sum(map(review.saw, acts)) == review.acts]
    acts = [act for act in acts if act.home is None or act.home in homes]
    left = sum(not any(review.saw(act) and review.by != act.actor for review in holds) for act in acts)
    if now < ended_at:
        state = State.RUNNING
    elif left:
        state = State.OVERDUE if now >= ended_at + WITHIN else State.WAITING
    else:
        state = State.REVIEWED if acts else State.NOTHING
    return Standing(state, len(acts), left, len(holds) < len(given), given)
