"""Residents: who they are, what everyone who looks after them must see first."""

from datetime import date
from typing import Any
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access.encryption import EncryptedJSONField, EncryptedTextField
from access.models import TenantModel
from records.models.base import Record


class EncryptedDateField(EncryptedTextField):
    """A date, encrypted at rest."""

    def to_bytes(self, value: Any) -> bytes:
        return bytes(value.isoformat(), "ascii")

    def to_value(self, plaintext: bytes) -> date:
        return date.fromisoformat(plaintext.decode())


class CareFlag(models.TextChoices):
    """What must be seen on the banner. Legal decisions (CPR, DoLS) are records of their own, not flags."""

    FALLS_HIGH = "falls_high", _("Falls risk: high")
    TWO_CARERS = "two_carers", _("Two carers to move")
    FLUIDS_1 = "fluids_1", _("Slightly thick fluids, level 1")
    FLUIDS_2 = "fluids_2", _("Mildly thick fluids, level 2")
    FLUIDS_3 = "fluids_3", _("Moderately thick fluids, level 3")
    FLUIDS_4 = "fluids_4", _("Extremely thick fluids, level 4")
    DIET_3 = "diet_3", _("Liquidised food, level 3")
    DIET_4 = "diet_4", _("Puréed food, level 4")
    DIET_5 = "diet_5", _("Minced and moist food, level 5")
    DIET_6 = "diet_6", _("Soft and bite-sized food, level 6")
    DIABETES = "diabetes", _("Diabetes")
    HARD_OF_HEARING = "hard_of_hearing", _("Hard of hearing")
    PARTIALLY_SIGHTED = "partially_sighted", _("Partially sighted")


class Resident(Record):
    """One person who lives in a care home. Names, birth, NHS number and free text are under the resident's own key."""

    ref_kind = "resident"
    sealed_when_set = frozenset({"erased_at"})  # came later: earlier seals do not know it

    class Gender(models.TextChoices):
        FEMALE = "female", _("Female")
        MALE = "male", _("Male")
        OTHER = "other", _("Other")
        NOT_STATED = "not_stated", _("Not stated")
        NOT_KNOWN = "not_known", _("Not known")

    class AllergyState(models.TextChoices):
        """An empty answer is not "none": none known is said by somebody, not recorded is said by nobody."""

        KNOWN = "known", _("Known allergies")
        NONE_KNOWN = "none_known", _("No known allergies")
        NOT_RECORDED = "not_recorded", _("Allergies not recorded")

    care_home = models.ForeignKey("access.CareHome", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    title = EncryptedTextField(blank=True)
    first_name = EncryptedTextField()
    last_name = EncryptedTextField()
    preferred_name = EncryptedTextField(blank=True)
    born_on = EncryptedDateField()
    gender = EncryptedTextField()
    nhs_number = EncryptedTextField(null=True)
    nhs_number_index = models.BinaryField(max_length=16, null=True)
    room = models.CharField(max_length=10, blank=True)
    admitted_on = models.DateField(null=True)
    allergy_state = models.CharField(max_length=12, choices=AllergyState, default=AllergyState.NOT_RECORDED)
    allergies = EncryptedTextField(blank=True)
    care_flags = EncryptedJSONField()  # values of CareFlag
    about_me = EncryptedTextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    erased_at = models.DateTimeField(null=True)  # from then on nothing of the record opens

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["organisation", "nhs_number_index"], name="resident_nhs_number")]
        indexes = [models.Index(fields=["organisation", "care_home", "room"], name="resident_of_home")]

    @property
    def watched_resident_id(self) -> UUID:
        return self.pk

    @property
    def display_name(self) -> str:
        return f"{self.first_name} {self.last_name}"


class NameToken(TenantModel):
    """A keyed digest of the beginning of one word of a resident's name: names are searched by equality, never ILIKE."""

    ref_kind = "name_token"

    resident = models.ForeignKey(Resident, on_delete=models.CASCADE, related_name="name_tokens", db_constraint=False)
    token = models.BinaryField(max_length=8)

    class Meta:
        default_permissions = ()
        db_table = "records_name_token"
        constraints = [models.UniqueConstraint(fields=["organisation", "token", "resident"], name="name_token_once")]
