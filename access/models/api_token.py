"""Tokens for programs, and the memory that makes a repeated write happen once."""

from django.db import models
from django.utils import timezone

from access.encryption import EncryptedJSONField
from access.models.base import TenantModel


class ApiToken(TenantModel):
    """A program's key to act as one person, under that person's permissions, until it ends."""

    ref_kind = "api_token"

    staff = models.ForeignKey("access.Staff", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    name = models.CharField(max_length=60)
    digest = models.BinaryField(max_length=32)  # SHA-256 of the token's secret part
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        db_table = "access_api_token"
        constraints = [models.UniqueConstraint(fields=["organisation", "digest"], name="api_token_digest")]


class IdempotencyRecord(TenantModel):
    """What a write with an Idempotency-Key was and what it was answered."""

    ref_kind = "idempotency"

    actor = models.CharField(max_length=100)
    key = models.CharField(max_length=100)
    request_digest = models.BinaryField(max_length=32)  # SHA-256 of method, path and body
    status = models.PositiveSmallIntegerField()
    answer = EncryptedJSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        db_table = "access_idempotency"
        constraints = [models.UniqueConstraint(fields=["organisation", "actor", "key"], name="idempotency_key")]
