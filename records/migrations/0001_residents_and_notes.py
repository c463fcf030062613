"""Residents and daily notes, behind the tenancy wall; each change needs a ledger entry."""

import datetime

import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
from django.db import migrations, models

import access.encryption
import audit.ids
import records.models.resident
from access.migrations_sql import tenant_table
from audit.sql import require_entry


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "0001_organisations_and_people"),
    ]

    operations = [
        migrations.CreateModel(
            name="Resident",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("title", access.encryption.EncryptedTextField(blank=True)),
                ("first_name", access.encryption.EncryptedTextField()),
                ("last_name", access.encryption.EncryptedTextField()),
                ("preferred_name", access.encryption.EncryptedTextField(blank=True)),
                ("born_on", records.models.resident.EncryptedDateField()),
                ("gender", access.encryption.EncryptedTextField()),
                ("nhs_number", access.encryption.EncryptedTextField(null=True)),
                ("nhs_number_index", models.BinaryField(max_length=16, null=True)),
                ("room", models.CharField(blank=True, max_length=10)),
                ("admitted_on", models.DateField(null=True)),
                (
                    "allergy_state",
                    models.CharField(
                        choices=[
                            ("known", "Known allergies"),
                            ("none_known", "No known allergies"),
                            ("not_recorded", "Allergies not recorded"),
                        ],
                        default="not_recorded",
                        max_length=12,
                    ),
                ),
                ("allergies", access.encryption.EncryptedTextField(blank=True)),
                ("care_flags", access.encryption.EncryptedJSONField()),
                ("about_me", access.encryption.EncryptedTextField(blank=True)),
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
            name="NameToken",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("token", models.BinaryField(max_length=8)),
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
                    "resident",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="name_tokens",
                        to="records.resident",
                    ),
                ),
            ],
            options={
                "db_table": "records_name_token",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DailyNote",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("general", "General"),
                            ("personal_care", "Personal care"),
                            ("meal", "Food and drink"),
                            ("mood", "Mood"),
                            ("activity", "Activity"),
                            ("rest", "Rest and sleep"),
                            ("skin", "Skin"),
                            ("visit", "Visit"),
                        ],
                        default="general",
                        max_length=16,
                    ),
                ),
                ("body", access.encryption.EncryptedTextField()),
                ("for_handover", models.BooleanField(default=False)),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("written_by", models.CharField(max_length=100)),
                ("reason", access.encryption.EncryptedTextField(blank=True)),
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
                (
                    "supersedes",
                    models.OneToOneField(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="correction",
                        to="records.dailynote",
                    ),
                ),
                (
                    "resident",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="daily_notes",
                        to="records.resident",
                    ),
                ),
            ],
            options={
                "db_table": "records_daily_note",
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="resident",
            index=models.Index(fields=["organisation", "care_home", "room"], name="resident_of_home"),
        ),
        migrations.AddConstraint(
            model_name="resident",
            constraint=models.UniqueConstraint(fields=("organisation", "nhs_number_index"), name="resident_nhs_number"),
        ),
        migrations.AddConstraint(
            model_name="nametoken",
            constraint=models.UniqueConstraint(fields=("organisation", "token", "resident"), name="name_token_once"),
        ),
        migrations.AddIndex(
            model_name="dailynote",
            index=models.Index(fields=["organisation", "resident", "-occurred_at"], name="daily_note_timeline"),
        ),
        migrations.AddConstraint(
            model_name="dailynote",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "occurred_at__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("recorded_at"), "+", models.Value(datetime.timedelta(seconds=300))
                        ),
                    )
                ),
                name="daily_note_not_in_future",
            ),
        ),
        migrations.AddConstraint(
            model_name="dailynote",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("supersedes__isnull", True),
                    models.Q(("supersedes", models.F("id")), _negated=True),
                    _connector="OR",
                ),
                name="daily_note_not_itself",
            ),
        ),
        *tenant_table("records_resident", foreign_keys={"care_home_id": "access_carehome"}),
        *tenant_table(
            "records_name_token", app="SELECT, INSERT, DELETE", foreign_keys={"resident_id": "records_resident"}
        ),
        # No UPDATE: a note is corrected by another note, and nobody can change what was written.
        *tenant_table(
            "records_daily_note",
            app="SELECT, INSERT",
            foreign_keys={
                "care_home_id": "access_carehome",
                "resident_id": "records_resident",
                "supersedes_id": "records_daily_note",
            },
        ),
        migrations.RunSQL(
            require_entry("records_resident", "resident") + require_entry("records_daily_note", "daily_note"),
            migrations.RunSQL.noop,
        ),
    ]
