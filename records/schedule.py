"""What runs by the clock for records; times are Europe/London."""

from typing import Any

from celery.schedules import crontab

SCHEDULE: dict[str, dict[str, Any]] = {
    "keep-erasure-lists": {
        "task": "records.tasks.keep_erasure_lists",
        "schedule": crontab(minute="*/10"),
        "options": {"queue": "default", "expires": 500},
    },
}
