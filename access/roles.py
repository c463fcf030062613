"""The roles a person can hold in a care home. Slugs are stored, so they never change."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    CARER = "carer", _("Carer")
    SENIOR_CARER = "senior_carer", _("Senior carer")
    NURSE = "nurse", _("Nurse")
    KITCHEN = "kitchen", _("Kitchen")
    ACTIVITIES = "activities", _("Activities")
    REGISTERED_MANAGER = "registered_manager", _("Registered manager")
    ADMINISTRATOR = "administrator", _("Administrator")
    AGENCY_CARER = "agency_carer", _("Agency carer")
    INSPECTOR = "inspector", _("Inspector")
    SYSTEM = "system", _("The system")  # scheduled work; nobody can hold it


ASSIGNABLE = [role for role in Role if role is not Role.SYSTEM]
TEMPORARY = frozenset({Role.AGENCY_CARER, Role.INSPECTOR})  # held only through a grant that ends
