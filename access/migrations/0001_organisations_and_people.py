"""Organisations, people, roles, devices, sessions and keys, behind the tenancy wall."""

import datetime

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import access.encryption
import audit.ids
from access.migrations_sql import shared_table, tenant_table
from audit.sql import require_entry

REQUIRE_ENTRIES = "\n".join(
    require_entry(table, kind)
    for table, kind in (
        ("access_staff", "staff"),
        ("access_role_holding", "role_holding"),
        ("access_grant", "grant"),
        ("access_carehome", "care_home"),
    )
)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("audit", "0001_ledger"),
        ("axes", "0010_accessattemptexpiration"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="Staff",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("email", access.encryption.EncryptedTextField()),
                ("email_index", models.BinaryField(max_length=16)),
                ("first_name", access.encryption.EncryptedTextField()),
                ("last_name", access.encryption.EncryptedTextField()),
                ("pin", models.CharField(blank=True, max_length=128)),
                ("is_active", models.BooleanField(default=True)),
                ("left_at", models.DateTimeField(null=True)),
                ("access_ended_at", models.DateTimeField(null=True)),
                (
                    "theme",
                    models.CharField(
                        choices=[("device", "As the device"), ("day", "Day"), ("night", "Night")],
                        default="device",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="CareHome",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("code", models.CharField(max_length=40)),
                ("ods_code", models.CharField(blank=True, max_length=9)),
                ("cqc_location_id", models.CharField(blank=True, max_length=20)),
                ("idle_limit_tablet", models.DurationField(default=datetime.timedelta(seconds=120))),
                ("idle_limit_office", models.DurationField(default=datetime.timedelta(seconds=600))),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Organisation",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("code", models.CharField(max_length=40)),
                ("ods_code", models.CharField(blank=True, max_length=9)),
                ("ico_number", models.CharField(blank=True, max_length=8)),
                ("rto", models.DurationField(default=datetime.timedelta(seconds=14400))),
                ("rpo", models.DurationField(default=datetime.timedelta(days=1))),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Directory",
            fields=[
                ("organisation_id", models.UUIDField(primary_key=True, serialize=False)),
                (
                    "code",
                    models.CharField(
                        max_length=40, unique=True, validators=[django.core.validators.RegexValidator("^[a-z0-9-]+$")]
                    ),
                ),
                ("host", models.CharField(blank=True, max_length=253)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("code__regex", "^[a-z0-9-]+$")), name="directory_code_plain"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Device",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60)),
                ("secret_digest", models.BinaryField(max_length=32)),
                ("enrolled_by", models.CharField(max_length=100)),
                ("enrolled_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_seen_at", models.DateTimeField(null=True)),
                ("blocked_at", models.DateTimeField(null=True)),
                (
                    "care_home",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.carehome",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.organisation",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DataKey",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("organisation", "Organisation"),
                            ("resident", "Resident"),
                            ("index", "Blind indexes"),
                            ("record_seal", "Record seals"),
                        ],
                        max_length=12,
                    ),
                ),
                ("subject_id", models.UUIDField(null=True)),
                ("wrapped", models.BinaryField(null=True)),
                ("wrapped_by", models.CharField(max_length=16)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("destroyed_at", models.DateTimeField(null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.organisation",
                    ),
                ),
            ],
            options={
                "db_table": "access_data_key",
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="carehome",
            name="organisation",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="access.organisation"
            ),
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60)),
                ("digest", models.BinaryField(max_length=32)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "staff",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.organisation",
                    ),
                ),
            ],
            options={
                "db_table": "access_api_token",
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="staff",
            name="organisation",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="access.organisation"
            ),
        ),
        migrations.CreateModel(
            name="RoleHolding",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("carer", "Carer"),
                            ("senior_carer", "Senior carer"),
                            ("nurse", "Nurse"),
                            ("kitchen", "Kitchen"),
                            ("activities", "Activities"),
                            ("registered_manager", "Registered manager"),
                            ("administrator", "Administrator"),
                            ("agency_carer", "Agency carer"),
                            ("inspector", "Inspector"),
                        ],
                        max_length=20,
                    ),
                ),
                ("starts_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ends_at", models.DateTimeField(null=True)),
                (
                    "care_home",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.carehome",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="auth.group"),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.organisation",
                    ),
                ),
                (
                    "staff",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holdings",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "access_role_holding",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Session",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("key_digest", models.BinaryField(max_length=32, unique=True)),
                ("data", models.TextField()),
                ("expires_at", models.DateTimeField()),
                ("signed_in_at", models.DateTimeField(null=True)),
                ("last_input_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("locked_at", models.DateTimeField(null=True)),
                ("pin_failures", models.PositiveSmallIntegerField(default=0)),
                (
                    "device",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.device",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.organisation",
                    ),
                ),
                (
                    "staff",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="CareHomeGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("organisation_id", models.UUIDField()),
                (
                    "content_object",
                    models.ForeignKey(
                        db_column="care_home_id", on_delete=django.db.models.deletion.PROTECT, to="access.carehome"
                    ),
                ),
                ("group", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.group")),
                ("permission", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.permission")),
            ],
            options={
                "db_table": "access_care_home_grant",
                "abstract": False,
                "default_permissions": (),
                "unique_together": {("group", "permission", "content_object")},
            },
        ),
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("actor", models.CharField(max_length=100)),
                ("key", models.CharField(max_length=100)),
                ("request_digest", models.BinaryField(max_length=32)),
                ("status", models.PositiveSmallIntegerField()),
                ("answer", access.encryption.EncryptedJSONField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.organisation",
                    ),
                ),
            ],
            options={
                "db_table": "access_idempotency",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "actor", "key"), name="idempotency_key")
                ],
            },
        ),
        migrations.CreateModel(
            name="Grant",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "effect",
                    models.CharField(choices=[("allow", "Allow"), ("deny", "Deny")], default="allow", max_length=5),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("carer", "Carer"),
                            ("senior_carer", "Senior carer"),
                            ("nurse", "Nurse"),
                            ("kitchen", "Kitchen"),
                            ("activities", "Activities"),
                            ("registered_manager", "Registered manager"),
                            ("administrator", "Administrator"),
                            ("agency_carer", "Agency carer"),
                            ("inspector", "Inspector"),
                        ],
                        max_length=20,
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("reason", access.encryption.EncryptedTextField()),
                ("granted_by", models.CharField(max_length=100)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "care_home",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.carehome",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="auth.group"),
                ),
                (
                    "staff",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="grants",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.organisation",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="grant_ends_after_start"
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="device",
            constraint=models.UniqueConstraint(fields=("organisation", "secret_digest"), name="device_secret"),
        ),
        migrations.AddConstraint(
            model_name="device",
            constraint=models.UniqueConstraint(fields=("organisation", "care_home", "name"), name="device_name"),
        ),
        migrations.AddIndex(
            model_name="datakey",
            index=models.Index(fields=["organisation", "created_at"], name="data_key_of_organisation"),
        ),
        migrations.AddConstraint(
            model_name="datakey",
            constraint=models.CheckConstraint(
                condition=models.Q(("wrapped__isnull", False), ("destroyed_at__isnull", False), _connector="OR"),
                name="data_key_gone_is_dated",
            ),
        ),
        migrations.AddConstraint(
            model_name="datakey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("purpose", "resident"), ("subject_id__isnull", False)),
                    models.Q(models.Q(("purpose", "resident"), _negated=True), ("subject_id__isnull", True)),
                    _connector="OR",
                ),
                name="data_key_subject",
            ),
        ),
        migrations.AddConstraint(
            model_name="carehome",
            constraint=models.UniqueConstraint(fields=("organisation", "code"), name="care_home_code"),
        ),
        migrations.AddConstraint(
            model_name="carehome",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("idle_limit_tablet__gte", datetime.timedelta(seconds=30)),
                    ("idle_limit_tablet__lte", datetime.timedelta(seconds=900)),
                ),
                name="care_home_tablet_locks",
            ),
        ),
        migrations.AddConstraint(
            model_name="carehome",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("idle_limit_office__gte", datetime.timedelta(seconds=30)),
                    ("idle_limit_office__lte", datetime.timedelta(seconds=1800)),
                ),
                name="care_home_office_locks",
            ),
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.UniqueConstraint(fields=("organisation", "digest"), name="api_token_digest"),
        ),
        migrations.AddConstraint(
            model_name="staff",
            constraint=models.UniqueConstraint(fields=("organisation", "email_index"), name="staff_email"),
        ),
        migrations.AddConstraint(
            model_name="staff",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("left_at__isnull", True), ("access_ended_at__gte", models.F("left_at")), _connector="OR"
                ),
                name="staff_left_access_ended",
            ),
        ),
        migrations.AddConstraint(
            model_name="roleholding",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__isnull", True), ("ends_at__gt", models.F("starts_at")), _connector="OR"),
                name="role_holding_ends_after",
            ),
        ),
        migrations.AddConstraint(
            model_name="roleholding",
            constraint=models.CheckConstraint(
                condition=models.Q(("role__in", ["agency_carer", "inspector"]), _negated=True),
                name="role_holding_permanent_only",
            ),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["organisation", "staff"], name="session_of_staff"),
        ),
        *shared_table("access_directory", app="SELECT, INSERT"),
        *tenant_table("access_organisation", app="SELECT, INSERT, UPDATE", tenant_column="id", identified=False),
        *tenant_table("access_carehome"),
        *tenant_table("access_data_key"),
        *tenant_table("access_staff"),
        *tenant_table(
            "access_role_holding", foreign_keys={"staff_id": "access_staff", "care_home_id": "access_carehome"}
        ),
        *tenant_table("access_grant", foreign_keys={"staff_id": "access_staff", "care_home_id": "access_carehome"}),
        *tenant_table(
            "access_care_home_grant",
            app="SELECT, INSERT, DELETE",
            foreign_keys={"care_home_id": "access_carehome"},
        ),
        *tenant_table("access_device", foreign_keys={"care_home_id": "access_carehome"}),
        *tenant_table(
            "access_session",
            app="SELECT, INSERT, UPDATE, DELETE",
            foreign_keys={"staff_id": "access_staff", "device_id": "access_device"},
        ),
        *tenant_table("access_api_token", foreign_keys={"staff_id": "access_staff"}),
        *tenant_table("access_idempotency"),
        *shared_table("auth_group", app="SELECT, INSERT"),
        *shared_table("auth_permission", app="SELECT"),
        *shared_table("django_content_type", app="SELECT"),
        *shared_table("django_migrations", app="SELECT"),
        *shared_table("axes_accessattempt", app="SELECT, INSERT, UPDATE, DELETE"),
        *shared_table("axes_accessfailurelog", app="SELECT, INSERT, DELETE"),
        *shared_table("axes_accesslog", app="SELECT, INSERT, UPDATE, DELETE"),
        *shared_table("axes_accessattemptexpiration", app="SELECT, INSERT, UPDATE, DELETE"),
        migrations.RunSQL(
            "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO carehome_app;", migrations.RunSQL.noop
        ),
        migrations.RunSQL(REQUIRE_ENTRIES, migrations.RunSQL.noop),
    ]
