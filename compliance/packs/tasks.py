"""Background work for evidence packs."""

from typing import Any
from uuid import UUID

from celery import shared_task

from access.actors import Actor
from access.tasks import TenantTask, for_each_organisation
from compliance.packs import services


@shared_task(base=TenantTask, bind=True, queue="heavy")
def build_pack(self: Any, organisation_id: str, pack_id: str) -> None:
    """Make one evidence pack."""
    actor = Actor.system(UUID(organisation_id), "packs")
    services.build_pack(actor=actor, pack_id=UUID(pack_id), claim=self.request.id or "direct")


@shared_task(base=TenantTask, queue="default")
def tidy_packs(organisation_id: str) -> None:
    """Remove files whose time is over, and enqueue packs that nobody is making."""
    services.expire_packs(actor=Actor.system(UUID(organisation_id), "packs"))
    for pack_id in services.waiting_packs(UUID(organisation_id)):
        build_pack.delay(organisation_id, str(pack_id))


@shared_task(queue="default")
def tidy_all_packs() -> None:
    for_each_organisation(tidy_packs)
