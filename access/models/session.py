"""Sessions, as rows of their organisation.

The lock stands in columns of its own, changed by single statements, never in the session's data: two requests at once
save the data last-writer-wins, and a late writer must not unlock a screen.
"""

from django.db import models
from django.utils import timezone

from access.models.base import TenantModel


class Session(TenantModel):
    """One browser's session. `key_digest` is SHA-256 of the cookie: a stolen table opens no session."""

    ref_kind = "session"

    key_digest = models.BinaryField(max_length=32, unique=True)
    data = models.TextField()  # signed JSON
    expires_at = models.DateTimeField()
    staff = models.ForeignKey(
        "access.Staff", null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    device = models.ForeignKey(
        "access.Device", null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    signed_in_at = models.DateTimeField(null=True)
    last_input_at = models.DateTimeField(default=timezone.now)
    locked_at = models.DateTimeField(null=True)
    pin_failures = models.PositiveSmallIntegerField(default=0)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["organisation", "staff"], name="session_of_staff")]
