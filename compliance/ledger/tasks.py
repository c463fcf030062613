"""Background work for files of the audit log."""

from typing import Any
from uuid import UUID

from celery import shared_task

from access.actors import Actor
from access.tasks import TenantTask, for_each_organisation
from compliance.ledger import services


@shared_task(base=TenantTask, bind=True, queue="heavy")
def build_ledger_export(self: Any, organisation_id: str, export_id: str) -> None:
    """Make one file."""
    actor = Actor.system(UUID(organisation_id), "ledger_exports")
    services.build_export(actor=actor, export_id=UUID(export_id), claim=self.request.id or "direct")


@shared_task(base=TenantTask, queue="default")
def tidy_ledger_exports(organisation_id: str) -> None:
    """Remove files whose time is over, and enqueue those that nobody is making."""
    services.expire_exports(actor=Actor.system(UUID(organisation_id), "ledger_exports"))
    for export_id in services.waiting_exports(UUID(organisation_id)):
        build_ledger_export.delay(organisation_id, str(export_id))


@shared_task(queue="default")
def tidy_all_ledger_exports() -> None:
    for_each_organisation(tidy_ledger_exports)
