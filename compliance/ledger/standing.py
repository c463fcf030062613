"""Whether the log holds, in one plain line, from the latest run of the verifier and the latest checkpoint."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext as _

import audit.queries
from audit.models import Verification
from compliance.ledger.sentences import LONDON

STALE_AFTER = timedelta(hours=1)  # new entries are checked every quarter of an hour


@dataclass(frozen=True, slots=True)
class Standing:
    """state: unbroken, broken, stale or unchecked; only the first is good news."""

    state: str
    words: str
    run: Verification | None

    @property
    def good(self) -> bool:
        return self.state == "unbroken"


def standing(organisation_id: UUID, now: datetime) -> Standing:
    run = audit.queries.latest_verification(organisation_id)
    if run is None:
        return Standing("unchecked", _("The log has not been checked yet."), None)
    checked = _moment(run.finished_at, now)
    if not run.ok:
        return Standing("broken", _broken(run, checked), run)
    if now - run.finished_at > STALE_AFTER:
        words = _("Log unbroken when it was last checked, %(at)s. The checks have stopped since: tell the person who"
                  " runs the system.") % {"at": checked}  # fmt: skip
        return Standing("stale", words, run)
    return Standing("unbroken", _("Log unbroken, checked %(at)s.") % {"at": checked}, run)


def _broken(run: Verification, checked: str) -> str:
    if run.bad_subject:
        return _("The log does not hold: a record no longer matches its entry. Found %(at)s.") % {"at": checked}
    return _("The log does not hold: entry %(number)s is the first that is wrong (%(kind)s). Found %(at)s.") % {
        "number": f"{run.first_bad_seq:,}" if run.first_bad_seq is not None else _("unknown"),
        "kind": run.break_kind,
        "at": checked,
    }


def _moment(at: datetime, now: datetime) -> str:
    """02:00 for a time of today, else with its day."""
    local, today = at.astimezone(LONDON), now.astimezone(LONDON).date()
    return f"{local:%H:%M}" if local.date() == today else f"{local.day} {local:%B %Y} at {local:%H:%M}"
