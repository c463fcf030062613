"""Background work of records."""

from uuid import UUID

from celery import shared_task

from access.tasks import TenantTask, for_each_organisation
from records import services


@shared_task(base=TenantTask)
def keep_erasure_list(organisation_id: str) -> None:
    """Add to the list outside the database what a crash left out."""
    services.keep_erasure_list(UUID(organisation_id))


@shared_task
def keep_erasure_lists() -> None:
    for_each_organisation(keep_erasure_list)
