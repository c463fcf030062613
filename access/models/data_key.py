"""Data keys, wrapped. The clear keys exist only in the memory of a process."""

from django.db import models
from django.utils import timezone

from access.key_purposes import Purpose
from access.models.base import TenantModel


class DataKey(TenantModel):
    """One wrapped key. Destroying `wrapped` destroys everything sealed under it."""

    ref_kind = "data_key"

    purpose = models.CharField(max_length=12, choices=Purpose)
    subject_id = models.UUIDField(null=True)  # the resident whose key it is
    wrapped = models.BinaryField(null=True)
    wrapped_by = models.CharField(max_length=16)  # wrapping key's id, or the first digits of the organisation key's
    created_at = models.DateTimeField(default=timezone.now)
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        db_table = "access_data_key"
        indexes = [models.Index(fields=["organisation", "created_at"], name="data_key_of_organisation")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(wrapped__isnull=False) | models.Q(destroyed_at__isnull=False),
                name="data_key_gone_is_dated",
            ),
            models.CheckConstraint(
                condition=models.Q(purpose="resident", subject_id__isnull=False)
                | (~models.Q(purpose="resident") & models.Q(subject_id__isnull=True)),
                name="data_key_subject",
            ),
        ]
