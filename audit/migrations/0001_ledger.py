"""The ledger's tables, partitions, sealing triggers, guards and walls. See audit/sql.py for what each is for."""

import django.contrib.postgres.fields
import django.utils.timezone
from django.db import migrations, models

import audit.ids
from audit import sql


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(sql.TABLES, reverse_sql=migrations.RunSQL.noop),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("organisation_id", models.UUIDField()),
                        ("at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("act", "Act"),
                                    ("change", "Field change"),
                                    ("view", "View"),
                                    ("refusal", "Refusal"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("actor", models.CharField(max_length=100)),
                        ("action", models.CharField(max_length=100)),
                        ("subject", models.CharField(max_length=100)),
                        ("device", models.CharField(max_length=100, null=True)),
                        ("care_home_id", models.UUIDField(null=True)),
                        (
                            "residents",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.UUIDField(), default=list, size=None
                            ),
                        ),
                        ("commitment", models.BinaryField(max_length=32)),
                        ("salt", models.BinaryField(max_length=32, null=True)),
                        ("detail", models.BinaryField(null=True)),
                    ],
                    options={
                        "db_table": "audit_event",
                        "default_permissions": (),
                        "indexes": [
                            models.Index(fields=["organisation_id", "at"], name="audit_event_at"),
                            models.Index(fields=["organisation_id", "actor", "at"], name="audit_event_actor"),
                            models.Index(fields=["organisation_id", "subject", "at"], name="audit_event_subject"),
                        ],
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("organisation_id", models.UUIDField()),
                ("size", models.BigIntegerField()),
                ("digest", models.BinaryField(max_length=32)),
                ("root", models.BinaryField(max_length=32)),
                ("frontier", models.BinaryField()),
                ("note", models.TextField()),
                ("key_id", models.CharField(max_length=16)),
                ("anchor", models.CharField(max_length=200)),
                ("signed_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "db_table": "audit_checkpoint",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("organisation_id", "size"), name="audit_checkpoint_size")
                ],
            },
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("organisation_id", models.UUIDField()),
                ("mode", models.CharField(choices=[("full", "Full"), ("incremental", "Incremental")], max_length=12)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField()),
                ("ok", models.BooleanField()),
                ("entries", models.BigIntegerField()),
                ("head_seq", models.BigIntegerField()),
                ("head_digest", models.BinaryField(max_length=32)),
                ("checkpoint_size", models.BigIntegerField(default=0)),
                ("first_bad_seq", models.BigIntegerField(null=True)),
                (
                    "break_kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("altered", "altered"),
                            ("missing", "missing"),
                            ("inserted", "inserted"),
                            ("reordered", "reordered"),
                            ("truncated", "truncated"),
                            ("fork", "fork"),
                            ("record mismatch", "record mismatch"),
                            ("bad checkpoint", "bad checkpoint"),
                        ],
                        max_length=20,
                    ),
                ),
                ("bad_subject", models.CharField(blank=True, max_length=100)),
            ],
            options={
                "db_table": "audit_verification",
                "default_permissions": (),
                "indexes": [models.Index(fields=["organisation_id", "-finished_at"], name="audit_verification_latest")],
            },
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name=name,
                    fields=fields,
                    options={"db_table": table, "managed": False, "default_permissions": ()},
                )
                for name, table, fields in (
                    (
                        "Seal",
                        "audit_seal",
                        [
                            ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                            ("organisation_id", models.UUIDField()),
                            ("seq", models.BigIntegerField()),
                            ("at", models.DateTimeField()),
                            ("leaf", models.BinaryField(max_length=32)),
                            ("digest", models.BinaryField(max_length=32)),
                        ],
                    ),
                    (
                        "Head",
                        "audit_head",
                        [
                            ("organisation_id", models.UUIDField(primary_key=True, serialize=False)),
                            ("seq", models.BigIntegerField()),
                            ("digest", models.BinaryField(max_length=32)),
                        ],
                    ),
                    (
                        "Mention",
                        "audit_mention",
                        [
                            ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                            ("organisation_id", models.UUIDField()),
                            ("resident_id", models.UUIDField()),
                            ("at", models.DateTimeField()),
                        ],
                    ),
                )
            ]
        ),
        migrations.RunSQL(sql.PARTITIONS + sql.FUNCTIONS + sql.TRIGGERS, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(sql.first_partitions() + sql.guards() + sql.walls(), reverse_sql=migrations.RunSQL.noop),
    ]
