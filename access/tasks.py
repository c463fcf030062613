"""Background work's door: a task of a tenant opens the organisation, names the system as acting, or refuses to run."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from celery import Task, shared_task
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

import audit.queries
import audit.segments
import audit.services
from access import tenancy
from audit.context import Origin, acting
from audit.models import Verification
from audit.reading import collecting

log = structlog.get_logger(__name__)


class TenantTask(Task):  # type: ignore[type-arg]
    """The base of every task that touches a tenant's rows. Its first argument is the organisation's id, as text."""

    abstract = True
    autoretry_for = (OperationalError,)
    retry_backoff = True
    max_retries = 5
    acks_late = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        organisation_id = args[0] if args else kwargs.get("organisation_id")
        try:
            tenant = UUID(str(organisation_id))
        except ValueError as error:
            raise ValueError(f"{self.name} names no organisation, so it does not run.") from error
        origin = Origin(tenant, f"system:{self.name.rsplit('.', 1)[-1]}")
        with tenancy.acting_for(tenant), acting(origin), collecting():
            return super().__call__(*args, **kwargs)


def for_each_organisation(task: Any) -> int:
    """Enqueue a tenant's task once per organisation; returns how many."""
    organisation_ids = tenancy.organisation_ids()
    for organisation_id in organisation_ids:
        task.delay(str(organisation_id))
    return len(organisation_ids)


def alone(name: str, work: Callable[[], None]) -> bool:
    """Run `work` unless another process is running it: a PostgreSQL advisory lock, freed with the transaction."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [name])
            if not cursor.fetchone()[0]:
                return False
        work()
    return True


@shared_task(base=TenantTask, queue="alerts", expires=120)
def sign_checkpoint(organisation_id: str) -> None:
    """Sign and anchor the organisation's chain head, if there is news, and hand it to every anchor."""
    audit.services.keep_checkpoint(UUID(organisation_id), actor="system:sign_checkpoint")


@shared_task(base=TenantTask, queue="alerts", expires=60)
def close_views(organisation_id: str) -> None:
    """Seal the views whose minute is over."""
    audit.services.close_views(UUID(organisation_id))


@shared_task(base=TenantTask)
def verify_ledger(organisation_id: str, mode: str) -> None:
    """Verify the organisation's ledger and record the result."""
    run = audit.services.verify_ledger(
        organisation_id=UUID(organisation_id),
        actor="system:verify_ledger",
        mode=mode,
        records=mode == Verification.Mode.FULL,
    )
    if not run.ok:
        log.error("ledger_broken", organisation=organisation_id, seq=run.first_bad_seq, state=run.break_kind)


@shared_task
def sign_checkpoints() -> None:
    for_each_organisation(sign_checkpoint)


@shared_task
def close_all_views() -> None:
    """Enqueue the sealing of ended views where there are any: most organisations sleep most of the time."""
    for organisation_id in tenancy.organisation_ids():
        with tenancy.acting_for(organisation_id):
            waiting = audit.queries.open_views(organisation_id).exists()
        if waiting:
            close_views.delay(str(organisation_id))


@shared_task
def sign_due_checkpoints() -> None:
    """Where much happened, or something that must not wait. One query an organisation; no task while all is quiet."""
    for organisation_id in tenancy.organisation_ids():
        with tenancy.acting_for(organisation_id):
            due = audit.queries.checkpoint_due(organisation_id)
        if due:
            sign_checkpoint.delay(str(organisation_id))


@shared_task
def verify_ledgers(mode: str) -> None:
    for organisation_id in tenancy.organisation_ids():
        queue = "heavy" if mode == Verification.Mode.FULL else "default"
        verify_ledger.apply_async((str(organisation_id), mode), queue=queue)


@shared_task
def verify_new_ledgers() -> None:
    """A new organisation's ledger is verified within a minute or so, not at the next quarter of an hour."""
    for organisation_id in tenancy.organisation_ids():
        with tenancy.acting_for(organisation_id):
            never = audit.queries.latest_verification(organisation_id) is None
        if never:
            verify_ledger.delay(str(organisation_id), Verification.Mode.FULL.value)


@shared_task(base=TenantTask)
def write_segments(organisation_id: str) -> None:
    """Write the ledger's closed days into the folder set for them."""
    folder = settings.AUDIT_SEGMENT_DIR
    if folder is None:
        return
    audit.services.sign_checkpoint(UUID(organisation_id))
    audit.segments.write_segments(UUID(organisation_id), folder, today=timezone.now().date())


@shared_task
def write_all_segments() -> None:
    """Where a folder is set, a segment of each closed day of every organisation's ledger."""
    if settings.AUDIT_SEGMENT_DIR is not None:
        for_each_organisation(write_segments)


@shared_task
def make_ledger_partitions() -> None:
    """Keep a year of the ledger's monthly partitions ahead."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_make_partitions(12)")
