"""What a data key is for."""

from django.db import models


class Purpose(models.TextChoices):
    ORGANISATION = "organisation", "Organisation"
    RESIDENT = "resident", "Resident"
    INDEX = "index", "Blind indexes"
    RECORD_SEAL = "record_seal", "Record seals"
