"""When backups are made and tested; times of day are Europe/London's."""

from datetime import time, timedelta
from typing import Any

from celery.schedules import crontab

MAKE_AT = time(1, 30)
DRILL_AT = time(3, 0)
_SOON, _OFTEN = timedelta(minutes=1), timedelta(minutes=15)
_QUEUE = {"queue": "backups"}


def _nightly(at: time) -> crontab:
    return crontab(hour=at.hour, minute=at.minute)


SCHEDULE: dict[str, dict[str, Any]] = {
    "backups.make": {"task": "backups.tasks.make_backup", "schedule": _nightly(MAKE_AT), "options": _QUEUE},
    "backups.drill": {"task": "backups.tasks.run_restore_drill", "schedule": _nightly(DRILL_AT), "options": _QUEUE},
    # A first start, and a person who asked.
    "backups.make_if_wanted": {
        "task": "backups.tasks.backup_if_wanted",
        "schedule": _SOON,
        "options": _QUEUE | {"expires": _SOON.total_seconds()},
    },
    # A night that was slept through, or an RPO shorter than a day.
    "backups.make_if_due": {
        "task": "backups.tasks.backup_if_due",
        "schedule": _OFTEN,
        "options": _QUEUE | {"expires": _OFTEN.total_seconds()},
    },
    "backups.drill_if_due": {
        "task": "backups.tasks.drill_if_due",
        "schedule": _SOON,
        "options": _QUEUE | {"expires": _SOON.total_seconds()},
    },
}
