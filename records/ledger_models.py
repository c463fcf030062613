"""Records that django-auditlog watches, as the net beneath the services."""

from audit.registration import watch
from records.models import DailyNote, Resident

watch(Resident, leave_out=["nhs_number_index"])  # its digest still covers every column
watch(DailyNote)
