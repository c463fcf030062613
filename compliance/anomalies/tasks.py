"""Background work that looks for unusual access."""

from uuid import UUID

from celery import shared_task

from access.actors import Actor
from access.tasks import TenantTask, for_each_organisation
from compliance.anomalies import services


@shared_task(base=TenantTask, queue="alerts")
def scan_views(organisation_id: str) -> None:
    """Look at one organisation's views since the last time."""
    services.scan_views(actor=Actor.system(UUID(organisation_id), "anomalies"))


@shared_task(queue="alerts")
def scan_all_views() -> None:
    for_each_organisation(scan_views)
