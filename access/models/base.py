"""What every tenant's row has."""

from typing import Any
from uuid import UUID

from django.db import models

from access.ids import uuid7
from access.tenancy import TenantManager


class TenantModel(models.Model):
    """A row of one organisation. The migration adds the wall: see access.migrations_sql.tenant_table."""

    ref_kind: str

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey("access.Organisation", on_delete=models.PROTECT, related_name="+", db_index=False)

    objects: Any = TenantManager()

    class Meta:
        abstract = True
        default_permissions = ()

    @property
    def ref(self) -> str:
        return f"{self.ref_kind}:{self.pk}"

    @property
    def encryption_subject(self) -> UUID | None:
        """Whose key its encrypted fields are sealed under: a resident's id, or None for the organisation's."""
        return None
