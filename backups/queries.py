"""What the dashboard and the collectors read of backups."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from access.models import Organisation
from access.tenancy import acting_for, organisation_ids
from backups import installation
from backups.models import BackupRun, RestoreDrill
from backups.schedule import DRILL_AT, MAKE_AT

_RETRY_AFTER = timedelta(hours=1)


def restore_drills(organisation_id: UUID, since: datetime, until: datetime) -> QuerySet[RestoreDrill]:
    """The organisation's drills that ended in [since, until), newest first."""
    drills: QuerySet[RestoreDrill] = RestoreDrill.objects.filter(
        organisation_id=organisation_id, finished_at__gte=since, finished_at__lt=until
    )
    return drills.order_by("-finished_at")


def latest_drill(organisation_id: UUID) -> RestoreDrill | None:
    """The newest drill that has ended, passed or not."""
    drill: RestoreDrill | None = (
        RestoreDrill.objects.filter(organisation_id=organisation_id, finished_at__isnull=False)
        .order_by("-finished_at")
        .first()
    )
    return drill


def running_drill(organisation_id: UUID) -> RestoreDrill | None:
    drill: RestoreDrill | None = RestoreDrill.objects.filter(
        organisation_id=organisation_id, finished_at__isnull=True
    ).first()
    return drill


def latest_backup(before: datetime | None = None) -> BackupRun | None:
    """The newest set that was made and still exists; of the whole installation."""
    runs = BackupRun.objects.filter(state=BackupRun.State.MADE, expired_at__isnull=True)
    if before is not None:
        runs = runs.filter(finished_at__lt=before)
    return runs.order_by("-covers_until").first()


def recent_runs(count: int = 20) -> list[BackupRun]:
    """The newest runs in whatever state, newest first."""
    return list(BackupRun.objects.order_by("-requested_at")[:count])


@dataclass(frozen=True, slots=True)
class NextRuns:
    """When the schedule comes round next; aware UTC."""

    backup_at: datetime
    drill_at: datetime


def next_runs(now: datetime | None = None) -> NextRuns:
    moment = now or timezone.now()
    return NextRuns(backup_at=_next(MAKE_AT, moment), drill_at=_next(DRILL_AT, moment))


def _next(at: time, now: datetime) -> datetime:
    """The next time the clock of the schedule's zone shows it."""
    local = now.astimezone(ZoneInfo(settings.TIME_ZONE))
    following = datetime.combine(local.date(), at, tzinfo=local.tzinfo)
    if following <= local:
        following = datetime.combine(local.date() + timedelta(days=1), at, tzinfo=local.tzinfo)
    return following.astimezone(UTC)


def backup_is_wanted(now: datetime | None = None) -> bool:
    """Whether a person waits for one, or there is none at all. Cheap: asked every minute."""
    if BackupRun.objects.filter(state=BackupRun.State.WAITING).exists():
        return True
    return latest_backup() is None and not _failed_lately(now or timezone.now())


def backup_is_due(now: datetime | None = None) -> bool:
    """Whether one is wanted, or the newest set is older than the strictest organisation's RPO allows.

    After a failure the next attempt waits an hour.
    """
    moment = now or timezone.now()
    if backup_is_wanted(moment):
        return True
    latest = latest_backup()
    if latest is None or latest.covers_until is None or _failed_lately(moment):
        return False
    return moment - latest.covers_until >= strictest_rpo()


def _failed_lately(now: datetime) -> bool:
    return BackupRun.objects.filter(state=BackupRun.State.FAILED, finished_at__gt=now - _RETRY_AFTER).exists()


def drill_is_due(now: datetime | None = None) -> bool:
    """Whether there is a set and no drill of any kind for a day. Cheap: asked every minute.

    A drill covers every organisation, so one of them is asked.
    """
    since = (now or timezone.now()) - timedelta(hours=24)
    organisations = organisation_ids()
    if latest_backup() is None or not organisations:
        return False
    with acting_for(organisations[0]):
        return not RestoreDrill.objects.filter(organisation_id=organisations[0], started_at__gt=since).exists()


def strictest_rpo() -> timedelta:
    """The shortest time's data that any organisation may lose; never more than a day."""
    shortest = installation.longest_gap()
    for organisation_id in organisation_ids():
        with acting_for(organisation_id):
            shortest = min(shortest, Organisation.objects.get(pk=organisation_id).rpo)
    return shortest
