"""Records that django-auditlog watches, as the net beneath the services."""

from auditlog.registry import auditlog

from records.models import DailyNote, Resident

auditlog.register(Resident)
auditlog.register(DailyNote)
