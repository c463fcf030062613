"""Files of the audit log: one row each, from the request on."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import access.encryption
import audit.ids
from access.migrations_sql import tenant_table

# Progress is no event; asking for a file, and how it ended, is.
SEALED = """
CREATE CONSTRAINT TRIGGER compliance_ledger_export_asked_sealed AFTER INSERT ON compliance_ledger_export
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_require_entry('ledger_export');
CREATE CONSTRAINT TRIGGER compliance_ledger_export_ended_sealed AFTER UPDATE ON compliance_ledger_export
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state IS DISTINCT FROM OLD.state AND NEW.state <> 'building')
    EXECUTE FUNCTION audit_require_entry('ledger_export');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_organisations_and_people"),
        ("compliance", "0001_confirmations_packs_alerts"),
    ]

    operations = [
        migrations.CreateModel(
            name="LedgerExport",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "format",
                    models.CharField(
                        choices=[("csv", "CSV"), ("xlsx", "Excel workbook"), ("pdf", "PDF")], max_length=4
                    ),
                ),
                ("filters", models.CharField(blank=True, max_length=500)),
                ("requested_by", models.CharField(max_length=100)),
                ("reason", access.encryption.EncryptedTextField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("building", "Being made"),
                            ("ready", "Ready"),
                            ("failed", "Failed"),
                            ("expired", "Removed"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("entries", models.PositiveIntegerField(default=0)),
                ("complete", models.BooleanField(default=True)),
                ("claimed_by", models.CharField(blank=True, max_length=100)),
                ("size", models.BigIntegerField(null=True)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("failure", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
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
                "db_table": "compliance_ledger_export",
                "default_permissions": (),
                "indexes": [models.Index(fields=["organisation", "-created_at"], name="ledger_export_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "ready"), _negated=True),
                            models.Q(
                                ("expires_at__isnull", False),
                                ("finished_at__isnull", False),
                                ("size__isnull", False),
                                models.Q(("sha256", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="ledger_export_ready_is_complete",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "failed"), _negated=True),
                            models.Q(("failure", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="ledger_export_failed_says_why",
                    ),
                ],
            },
        ),
        *tenant_table("compliance_ledger_export"),
        migrations.RunSQL(SEALED, migrations.RunSQL.noop),
    ]
