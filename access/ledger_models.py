"""Which of access's models django-auditlog watches, as the net beneath the services."""

from auditlog.registry import auditlog

from access.models import CareHome, Device, Grant, RoleHolding, Staff

auditlog.register(Staff, exclude_fields=["password", "pin", "email_index"])
auditlog.register(RoleHolding)
auditlog.register(Grant)
auditlog.register(Device, exclude_fields=["secret_digest", "last_seen_at"])
auditlog.register(CareHome)
