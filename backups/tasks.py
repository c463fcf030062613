"""Scheduled work of the whole installation: it has no organisation, and the services open each in turn.

Two of these never run at once: a database lock refuses the second, which then simply ends. A failed backup is on record
before it is raised, so the log line is for operators; nothing retries until it is due again.
"""

import structlog
from celery import shared_task

from backups import queries, services
from backups.errors import AlreadyRunning

log = structlog.get_logger(__name__)


@shared_task(queue="backups")
def make_backup() -> None:
    """Nightly, and when a person asked: make a set, then delete those whose time is over."""
    try:
        services.make_backup()
        services.expire_sets()
    except AlreadyRunning:
        log.info("backup_skipped")


@shared_task(queue="backups")
def run_restore_drill() -> None:
    """Nightly, and when a person asked: restore the newest set and check it."""
    try:
        services.run_drill()
    except AlreadyRunning:
        log.info("restore_drill_skipped")


@shared_task(queue="backups")
def backup_if_wanted() -> None:
    if queries.backup_is_wanted():
        make_backup()


@shared_task(queue="backups")
def backup_if_due() -> None:
    if queries.backup_is_due():
        make_backup()


@shared_task(queue="backups")
def drill_if_due() -> None:
    if queries.drill_is_due():
        run_restore_drill()
