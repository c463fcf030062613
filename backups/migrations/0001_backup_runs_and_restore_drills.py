"""Runs of the whole installation; drills as rows of each organisation, each change of which needs a ledger entry."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import access.ids
from access.migrations_sql import shared_table, tenant_table
from audit.sql import require_entry


class Migration(migrations.Migration):
    initial = True
    dependencies = [("access", "0001_organisations_and_people"), ("audit", "0001_ledger")]

    operations = [
        migrations.CreateModel(
            name="BackupRun",
            fields=[
                ("id", models.UUIDField(default=access.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("made", "Made"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("covers_until", models.DateTimeField(null=True)),
                ("set_name", models.CharField(blank=True, max_length=40)),
                ("destination", models.CharField(blank=True, max_length=500)),
                ("size", models.BigIntegerField(null=True)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("expired_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "backups_run",
                "default_permissions": (),
                "indexes": [models.Index(fields=["-requested_at"], name="backups_run_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "made"), _negated=True),
                            models.Q(
                                ("covers_until__isnull", False), ("finished_at__isnull", False), ("size__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="backups_run_made_is_complete",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "failed"), _negated=True),
                            models.Q(("error", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="backups_run_failed_says_why",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RestoreDrill",
            fields=[
                ("id", models.UUIDField(default=access.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.organisation",
                    ),
                ),
                ("run_id", models.UUIDField()),
                ("backup_id", models.UUIDField(null=True)),
                ("set_name", models.CharField(blank=True, max_length=40)),
                ("covers_until", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("took", models.DurationField(null=True)),
                ("restored", models.BooleanField(default=False)),
                ("counts_matched", models.BooleanField(null=True)),
                ("ledger_verified", models.BooleanField(null=True)),
                ("rls_probe_ok", models.BooleanField(null=True)),
                ("decrypted", models.BooleanField(null=True)),
                ("older_than_newest", models.BooleanField(null=True)),
                ("rows", models.BigIntegerField(null=True)),
                ("entries", models.BigIntegerField(null=True)),
                ("detail", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "db_table": "backups_restore_drill",
                "default_permissions": (),
                "indexes": [models.Index(fields=["organisation", "-started_at"], name="restore_drill_newest")],
                "constraints": [models.UniqueConstraint(fields=("organisation", "run_id"), name="restore_drill_run")],
            },
        ),
        *shared_table("backups_run", app="SELECT, INSERT, UPDATE"),
        *tenant_table("backups_restore_drill"),
        migrations.RunSQL(require_entry("backups_restore_drill", "restore_drill"), migrations.RunSQL.noop),
    ]
