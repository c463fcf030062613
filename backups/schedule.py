"""When backups are made and tested; times of day are Europe/London's."""

from datetime import timedelta
from typing import Any

from celery.schedules import crontab

MAKE_AT = crontab(hour=1, minute=30)
DRILL_AT = crontab(hour=3, minute=0)
_CATCH_UP = timedelta(minutes=5)
_QUEUE = {"queue": "backups"}

SCHEDULE: dict[str, dict[str, Any]] = {
    "backups.make": {"task": "backups.tasks.make_backup", "schedule": MAKE_AT, "options": _QUEUE},
    "backups.drill": {"task": "backups.tasks.run_restore_drill", "schedule": DRILL_AT, "options": _QUEUE},
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
