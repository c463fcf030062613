"""The Celery application: four queues, and one schedule put together from the apps' own."""

import os
from importlib import import_module

from celery import Celery
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carehome.settings")

app = Celery("carehome")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [Queue(name) for name in ("alerts", "default", "heavy", "backups")]
app.autodiscover_tasks(["access", "backups", "compliance", "records"])


@app.on_after_finalize.connect
def collect_schedules(sender: Celery, **kwargs: object) -> None:
    for name in ("access", "backups", "compliance", "records"):
        sender.conf.beat_schedule.update(import_module(f"{name}.schedule").SCHEDULE)
