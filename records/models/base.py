"""What every record has: a resident, their key, and a note of every read."""

from typing import Any
from uuid import UUID

from django.db import models

from access.models import TenantModel
from access.tenancy import current_organisation_id
from audit.reading import Watched, WatchedQuerySet


class RecordManager(models.Manager.from_queryset(WatchedQuerySet)):  # type: ignore[misc]
    """Tenant's rows only, each read noted, bulk access refused."""

    def get_queryset(self) -> Any:
        current_organisation_id()
        return super().get_queryset()


class Record(TenantModel, Watched):
    """A row of a resident's record."""

    objects = RecordManager()

    class Meta:
        abstract = True
        default_permissions = ()

    @property
    def encryption_subject(self) -> UUID | None:
        return self.watched_resident_id
