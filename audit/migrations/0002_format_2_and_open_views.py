"""Entries of format 2 (database clock, count), and views merged within a minute. See audit/sql_format_2.py."""

import django.contrib.postgres.fields
from django.db import migrations, models

import audit.ids
from audit import sql_format_2 as sql


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_ledger")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    sql.COLUMNS + sql.SEALING + sql.OPEN_VIEWS + sql.WALLS, reverse_sql=migrations.RunSQL.noop
                )
            ],
            state_operations=[
                migrations.AddField("event", "count", models.IntegerField(default=1)),
                migrations.AddField("seal", "version", models.SmallIntegerField()),
                migrations.AddField("seal", "sealed_at", models.DateTimeField(null=True)),
                migrations.CreateModel(
                    name="OpenView",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("organisation_id", models.UUIDField()),
                        ("key", models.BinaryField(max_length=32)),
                        ("opened_at", models.DateTimeField()),
                        ("last_at", models.DateTimeField()),
                        ("count", models.IntegerField(default=1)),
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
                        ("page", models.CharField(max_length=100)),
                        ("extra", models.JSONField(default=dict)),
                    ],
                    options={"db_table": "audit_open_view", "managed": False, "default_permissions": ()},
                ),
            ],
        ),
    ]
