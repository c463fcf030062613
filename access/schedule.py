"""What runs by the clock for access and the ledger; times are Europe/London."""

from celery.schedules import crontab

SCHEDULE = {
    "sign-checkpoints": {
        "task": "access.tasks.sign_checkpoints",
        "schedule": 30.0,  # seconds; a checkpoint is at most a minute behind the ledger
        "options": {"queue": "alerts", "expires": 25},
    },
    "close-views": {
        "task": "access.tasks.close_all_views",
        "schedule": 15.0,
        "options": {"queue": "alerts", "expires": 14},
    },
    "sign-due-checkpoints": {
        "task": "access.tasks.sign_due_checkpoints",
        "schedule": 5.0,  # 50 entries, an export or a change of roles wait for no half minute
        "options": {"queue": "alerts", "expires": 5},
    },
    "verify-ledgers": {
        "task": "access.tasks.verify_ledgers",
        "schedule": crontab(minute="*/15"),
        "args": ["incremental"],
        "options": {"queue": "default", "expires": 600},
    },
    "verify-new-ledgers": {
        "task": "access.tasks.verify_new_ledgers",
        "schedule": 60.0,
        "options": {"queue": "default", "expires": 50},
    },
    "verify-ledgers-fully": {
        "task": "access.tasks.verify_ledgers",
        "schedule": crontab(hour=2, minute=0),
        "args": ["full"],
        "options": {"queue": "heavy"},
    },
    "write-ledger-segments": {
        "task": "access.tasks.write_all_segments",
        "schedule": crontab(hour=1, minute=30),  # after midnight UTC in summer, too
        "options": {"queue": "heavy"},
    },
    "make-ledger-partitions": {
        "task": "access.tasks.make_ledger_partitions",
        "schedule": crontab(hour=0, minute=20),
        "options": {"queue": "default"},
    },
}
