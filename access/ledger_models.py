"""Which of access's models django-auditlog watches, as the net beneath the services."""

from access import rights
from access.models import ApiToken, CareHome, Device, Grant, RoleHolding, Staff
from audit.registration import watch

watch(Staff, leave_out=["password", "pin", "email_index"])
watch(RoleHolding)
watch(Grant)
watch(Device, leave_out=["secret_digest", "last_seen_at"])
watch(CareHome)
watch(ApiToken, leave_out=["digest"])
assert rights  # registers its check with the verifier
