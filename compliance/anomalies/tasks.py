"""Background work that looks for unusual access, and for anchors that fail."""

from uuid import UUID

from celery import shared_task

from access.actors import Actor
from access.tasks import TenantTask, for_each_organisation
from compliance.anomalies import anchoring, services


@shared_task(base=TenantTask, queue="alerts")
def scan_views(organisation_id: str) -> None:
    """Look at one organisation's views since the last time."""
    services.scan_views(actor=Actor.system(UUID(organisation_id), "anomalies"))


@shared_task(queue="alerts")
def scan_all_views() -> None:
    for_each_organisation(scan_views)


@shared_task(base=TenantTask, queue="alerts")
def watch_anchors(organisation_id: str) -> None:
    """Look whether every anchor takes one organisation's checkpoints."""
    anchoring.watch_anchors(actor=Actor.system(UUID(organisation_id), "anchors"))


@shared_task(queue="alerts")
def watch_all_anchors() -> None:
    for_each_organisation(watch_anchors)
