"""What runs by the clock for compliance."""

from datetime import timedelta
from typing import Any

SCHEDULE: dict[str, dict[str, Any]] = {
    # With the time to a task and the scan itself, unusual access is told well within a minute.
    "compliance.scan_views": {
        "task": "compliance.anomalies.tasks.scan_all_views",
        "schedule": timedelta(seconds=20),
        "options": {"queue": "alerts", "expires": 20},
    },
    "compliance.watch_anchors": {
        "task": "compliance.anomalies.tasks.watch_all_anchors",
        "schedule": timedelta(minutes=1),
        "options": {"queue": "alerts", "expires": 55},
    },
    "compliance.tidy_packs": {
        "task": "compliance.packs.tasks.tidy_all_packs",
        "schedule": timedelta(minutes=5),
        "options": {"queue": "default", "expires": 240},
    },
    "compliance.tidy_ledger_exports": {
        "task": "compliance.ledger.tasks.tidy_all_ledger_exports",
        "schedule": timedelta(minutes=5),
        "options": {"queue": "default", "expires": 240},
    },
}
