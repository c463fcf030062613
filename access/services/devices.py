"""Enrolling and blocking tablets."""

import hashlib
import secrets
from contextlib import AbstractContextManager
from uuid import UUID

from django.db import transaction
from django.utils import timezone

import audit.services
from access import tenancy
from access.actors import Actor
from access.events import AccessEvent
from access.models import CareHome, Device
from access.policies import AccessPermission, policy
from audit.acts import Act


@transaction.atomic
def enrol_device(*, actor: Actor, name: str, care_home: CareHome) -> tuple[Device, str]:
    """Enrol the browser the actor is using; returns the device and the secret for its cookie, shown nowhere else.

    Raises NotPermitted, django.db.IntegrityError where the home has a device of that name.
    """
    policy.require(actor, AccessPermission.ENROL_DEVICE, at=care_home.pk)
    secret = secrets.token_urlsafe(32)
    device = Device(
        organisation_id=actor.organisation_id,
        name=name.strip(),
        care_home=care_home,
        secret_digest=hashlib.sha256(secret.encode()).digest(),
        enrolled_by=actor.ref,
    )
    with _sealing(actor, AccessEvent.DEVICE_ENROLLED, device):
        device.save(force_insert=True)
    return device, secret


@transaction.atomic
def block_device(*, actor: Actor, device: Device) -> None:
    """A blocked tablet's sessions end at their next request, and no PIN opens anything there. Raises NotPermitted."""
    policy.require(actor, AccessPermission.ENROL_DEVICE, at=device.care_home_id)
    device.blocked_at = timezone.now()
    with _sealing(actor, AccessEvent.DEVICE_BLOCKED, device):
        device.save(update_fields=["blocked_at"])


def find_device(secret: str) -> Device | None:
    """The enrolled device that holds this secret; None for an unknown or blocked one."""
    organisation_id: UUID = tenancy.current_organisation_id()
    found: Device | None = (
        Device.objects.filter(
            organisation_id=organisation_id,
            secret_digest=hashlib.sha256(secret.encode()).digest(),
            blocked_at__isnull=True,
        )
        .select_related("care_home")
        .first()
    )
    return found


def _sealing(actor: Actor, action: AccessEvent, device: Device) -> AbstractContextManager[Act]:
    return audit.services.sealing(
        organisation_id=actor.organisation_id,
        actor=actor.ref,
        action=action,
        subject=device.ref,
        care_home_id=device.care_home_id,
    )
