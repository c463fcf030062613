"""Organisations (the tenants) and their care homes."""

from datetime import timedelta

from django.core.validators import RegexValidator
from django.db import models

from access.ids import uuid7
from access.models.base import TenantModel
from access.tenancy import TenantManager


class Directory(models.Model):
    """Which organisation a code or host name means: the one table read before an organisation is open. Nothing else."""

    organisation_id = models.UUIDField(primary_key=True)
    code = models.CharField(max_length=40, unique=True, validators=[RegexValidator(r"^[a-z0-9-]+$")])
    host = models.CharField(max_length=253, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=models.Q(code__regex=r"^[a-z0-9-]+$"), name="directory_code_plain")
        ]


class Organisation(models.Model):
    """A provider: the tenant. rto: the longest a restore may take; rpo: the most time's data we may lose."""

    ref_kind = "organisation"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    code = models.CharField(max_length=40)
    ods_code = models.CharField(max_length=9, blank=True)
    ico_number = models.CharField(max_length=8, blank=True)
    rto = models.DurationField(default=timedelta(hours=4))
    rpo = models.DurationField(default=timedelta(hours=24))
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantManager()

    class Meta:
        default_permissions = ()

    @property
    def ref(self) -> str:
        return f"{self.ref_kind}:{self.pk}"

    @property
    def organisation_id(self) -> object:
        return self.pk


class CareHome(TenantModel):
    """One registered location. Idle limits: how long a screen may stand untouched before it locks."""

    ref_kind = "care_home"

    name = models.CharField(max_length=200)
    code = models.CharField(max_length=40)
    ods_code = models.CharField(max_length=9, blank=True)
    cqc_location_id = models.CharField(max_length=20, blank=True)
    idle_limit_tablet = models.DurationField(default=timedelta(minutes=2))
    idle_limit_office = models.DurationField(default=timedelta(minutes=10))

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["organisation", "code"], name="care_home_code"),
            models.CheckConstraint(
                condition=models.Q(
                    idle_limit_tablet__gte=timedelta(seconds=30), idle_limit_tablet__lte=timedelta(minutes=15)
                ),
                name="care_home_tablet_locks",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    idle_limit_office__gte=timedelta(seconds=30), idle_limit_office__lte=timedelta(minutes=30)
                ),
                name="care_home_office_locks",
            ),
        ]
