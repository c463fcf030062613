"""Tablets and office computers that the organisation knows."""

from django.db import models
from django.utils import timezone

from access.models.base import TenantModel


class Device(TenantModel):
    """An enrolled device: its cookie holds a random secret, we hold its digest. Only here does a PIN open anything."""

    ref_kind = "device"
    unsealed = frozenset({"last_seen_at"})  # set by every sign-in, which is an entry of its own

    name = models.CharField(max_length=60)
    care_home = models.ForeignKey("access.CareHome", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    secret_digest = models.BinaryField(max_length=32)
    enrolled_by = models.CharField(max_length=100)  # ref
    enrolled_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(null=True)
    blocked_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["organisation", "secret_digest"], name="device_secret"),
            models.UniqueConstraint(fields=["organisation", "care_home", "name"], name="device_name"),
        ]
