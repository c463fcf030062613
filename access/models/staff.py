"""Staff, the roles they hold in care homes, and grants that end."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, Group
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from guardian.models.models import GroupObjectPermissionBase

from access.encryption import EncryptedTextField
from access.models.base import TenantModel
from access.roles import ASSIGNABLE
from access.tenancy import TenantManager


class Staff(TenantModel, AbstractBaseUser):
    """One person's own account; never shared, never deleted. Names and email are encrypted, `email_index` finds it."""

    ref_kind = "staff"
    last_login = None  # type: ignore[assignment]  # sign-ins are ledger entries

    class Theme(models.TextChoices):
        DEVICE = "device", "As the device"
        DAY = "day", "Day"
        NIGHT = "night", "Night"

    email = EncryptedTextField()
    email_index = models.BinaryField(max_length=16)
    first_name = EncryptedTextField()
    last_name = EncryptedTextField()
    pin = models.CharField(max_length=128, blank=True)  # Argon2 hash; opens only a locked session on an enrolled tablet
    is_active = models.BooleanField(default=True)
    left_at = models.DateTimeField(null=True)
    access_ended_at = models.DateTimeField(null=True)
    theme = models.CharField(max_length=8, choices=Theme, default=Theme.DEVICE)
    created_at = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "id"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    EMAIL_FIELD = "email"

    objects: Any = TenantManager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["organisation", "email_index"], name="staff_email"),
            models.CheckConstraint(
                condition=Q(left_at__isnull=True) | Q(access_ended_at__gte=F("left_at")), name="staff_left_access_ended"
            ),
        ]

    def __str__(self) -> str:
        """The ref: AbstractBaseUser would give the id, a UUID and no string; and a name has no place in a log."""
        return self.ref

    @property
    def display_name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def initials(self) -> str:
        return f"{self.first_name[:1]}{self.last_name[:1]}".upper()

    def may_sign_in(self) -> bool:
        """False from the set minute on which they left."""
        return self.is_active and (self.access_ended_at is None or self.access_ended_at > timezone.now())


class RoleHolding(TenantModel):
    """A role held by one person in one care home, from a moment on and, if `ends_at` is set, until another."""

    ref_kind = "role_holding"

    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="holdings", db_constraint=False)
    care_home = models.ForeignKey("access.CareHome", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    role = models.CharField(max_length=20, choices=[(r.value, r.label) for r in ASSIGNABLE])
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        db_table = "access_role_holding"
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")), name="role_holding_ends_after"
            ),
            models.CheckConstraint(
                condition=~Q(role__in=["agency_carer", "inspector"]), name="role_holding_permanent_only"
            ),
        ]


class Grant(TenantModel):
    """An exception that ends by itself: an agency shift, an inspection. `role` names what it lets the person do."""

    ref_kind = "grant"

    class Effect(models.TextChoices):
        ALLOW = "allow", "Allow"
        DENY = "deny", "Deny"  # wins over every allow

    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="grants", db_constraint=False)
    care_home = models.ForeignKey("access.CareHome", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    effect = models.CharField(max_length=5, choices=Effect, default=Effect.ALLOW)
    role = models.CharField(max_length=20, choices=[(r.value, r.label) for r in ASSIGNABLE])
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = EncryptedTextField()
    granted_by = models.CharField(max_length=100)  # ref
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="grant_ends_after_start")]


class CareHomeGrant(GroupObjectPermissionBase):
    """django-guardian's grants, held on the care home alone: one group per (care home, role), hundreds of rows."""

    content_object = models.ForeignKey("access.CareHome", on_delete=models.PROTECT, db_column="care_home_id")
    organisation_id = models.UUIDField()

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = False
        default_permissions = ()
        db_table = "access_care_home_grant"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.organisation_id = self.content_object.organisation_id
        super().save(*args, **kwargs)
