"""Tiles for proofs, records of archives, and the function that takes archived partitions out. See audit/sql_growth.py."""

import django.utils.timezone
from django.db import migrations, models

import audit.ids
from audit import sql_growth


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_entries_of_owners")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    sql_growth.TABLES + sql_growth.DETACH + sql_growth.guards(), reverse_sql=migrations.RunSQL.noop
                ),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="Tile",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "organisation_id",
                                "level",
                                "number",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("organisation_id", models.UUIDField()),
                        ("level", models.SmallIntegerField()),
                        ("number", models.BigIntegerField()),
                        ("hashes", models.BinaryField(max_length=8192)),
                        ("root", models.BinaryField(max_length=32)),
                    ],
                    options={"db_table": "audit_tile", "managed": False, "default_permissions": ()},
                ),
                migrations.CreateModel(
                    name="Archive",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("organisation_id", models.UUIDField()),
                        ("before", models.DateTimeField()),
                        ("first_seq", models.BigIntegerField()),
                        ("last_seq", models.BigIntegerField()),
                        ("digest", models.BinaryField(max_length=32)),
                        ("frontier", models.BinaryField()),
                        ("tail", models.BinaryField()),
                        ("file_name", models.CharField(max_length=200)),
                        ("file_sha256", models.BinaryField(max_length=32)),
                        ("note", models.TextField()),
                        ("written_at", models.DateTimeField(default=django.utils.timezone.now)),
                    ],
                    options={"db_table": "audit_archive", "managed": False, "default_permissions": ()},
                ),
            ],
        ),
    ]
