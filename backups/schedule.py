"""When backups are made and tested; times of day are Europe/London's."""

from datetime import time, timedelta
from typing import Any

from celery.schedules import crontab

MAKE_AT = time(1, 30)
DRILL_AT = time(3, 0)
_CATCH_UP = timedelta(minutes=5)
_QUEUE = {"queue": "backups"}


def _nightly(at: time) -> crontab:
    return crontab(hour=at.hour, minute=at.minute)


SCHEDULE: dict[str, dict[str, Any]] = {
    "backups.make": {"task": "backups.tasks.make_backup", "schedule": _nightly(MAKE_AT), "options": _QUEUE},
    "backups.drill": {"task": "backups.tasks.run_restore_drill", "schedule": _nightly(DRILL_AT), "options": _QUEUE},
    # A night that was slept through, a first start, or an RPO shorter than a day.
    "backups.make_if_due": {
        "task": "backups.tasks.backup_if_due",
        "schedule": _CATCH_UP,
        "options": _QUEUE | {"expires": 240},
    },
    "backups.drill_if_due": {
        "task": "backups.tasks.drill_if_due",
        "schedule": _CATCH_UP,
        "options": _QUEUE | {"expires": 240},
    },
}
