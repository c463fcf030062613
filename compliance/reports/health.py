"""Whether the audit log is whole, as far as the verifier looked, and how fresh that is. Pure.

Never falsely green: a run that found something stays true until a run of the same kind or a wider one found nothing.
A full run holds the records against their seals too; an incremental one does not, so it never clears a full one's find.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FRESH, FULL_FRESH = timedelta(minutes=30), timedelta(hours=26)
SIGNED_WITHIN = timedelta(minutes=5)


class Whole(StrEnum):
    UNBROKEN = "unbroken"
    BROKEN = "broken"
    STALE = "stale"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the verifier. first_bad and kind say what it found; subject names a record that does not match."""

    ref: str
    finished_at: datetime
    ok: bool
    head: int
    first_bad: int | None = None
    kind: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    state: Whole
    statement: str
    entries: int
    checked_at: datetime | None = None
    signed_at: datetime | None = None
    sources: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return self.state is Whole.UNBROKEN


def health(
    *,
    full: Run | None,
    newest: Run | None,
    head: int,
    signed_size: int,
    signed_at: datetime | None,
    anchors_fault: str = "",
    now: datetime,
) -> Health:
    """full: the latest full run; newest: the latest of any kind. head: how many entries there are now.

    signed_size, signed_at: the newest checkpoint. anchors_fault: what is wrong with the places it is kept, if anything.
    """
    runs = tuple(dict.fromkeys(run for run in (newest, full) if run))
    known = {
        "entries": head,
        "checked_at": newest.finished_at if newest else None,
        "signed_at": signed_at,
        "sources": tuple(run.ref for run in runs),
    }
    if bad := next((run for run in runs if not run.ok), None):
        return Health(Whole.BROKEN, _found(bad), **known)  # type: ignore[arg-type]
    if newest is None or full is None:
        return Health(Whole.NEVER, "The audit log has not been checked in full yet.", **known)  # type: ignore[arg-type]
    if fault := _stale(full, newest, head, signed_size, signed_at, anchors_fault, now):
        return Health(Whole.STALE, fault, **known)  # type: ignore[arg-type]
    return Health(Whole.UNBROKEN, f"All {newest.head:,} entries checked follow from each other.", **known)  # type: ignore[arg-type]


def _found(run: Run) -> str:
    if run.subject:
        return f"A record does not match its seal in the audit log: {run.subject}."
    at = f"at entry {run.first_bad:,}" if run.first_bad is not None else "at an entry that cannot be named"
    return f"The audit log is broken {at}: {run.kind.replace('_', ' ') or 'it does not hold'}."


def _stale(
    full: Run, newest: Run, head: int, signed_size: int, signed_at: datetime | None, anchors_fault: str, now: datetime
) -> str:
    if newest.head > head:
        return f"The audit log holds {head:,} entries, fewer than the {newest.head:,} that were checked."
    if signed_size > head:
        return f"The audit log holds {head:,} entries, fewer than the {signed_size:,} that were signed."
    if now - newest.finished_at > FRESH:
        return f"The last check of the audit log is more than {int(FRESH.total_seconds() // 60)} minutes old."
    if now - full.finished_at > FULL_FRESH:
        return "The last full check of the audit log is more than 26 hours old."
    if signed_at is None:
        return "The audit log has not been signed yet."
    if head > signed_size and now - signed_at > SIGNED_WITHIN:
        return f"{head - signed_size:,} entries of the audit log have waited too long to be signed."
    return anchors_fault
