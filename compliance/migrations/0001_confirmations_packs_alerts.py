"""Confirmations (append-only), evidence packs, alerts and how far the scan has come."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import access.encryption
import access.ids
from access.migrations_sql import tenant_table
from audit.sql import require_entry

# A person's word is never changed or taken away, not even by the owner of the table: another row replaces it.
APPEND_ONLY = """
CREATE TRIGGER compliance_confirmation_append_only BEFORE UPDATE OR DELETE ON compliance_confirmation
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER compliance_confirmation_not_emptied BEFORE TRUNCATE ON compliance_confirmation
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
"""

# Progress is no event; asking for a pack, and how it ended, is.
PACK_SEALED = """
CREATE CONSTRAINT TRIGGER compliance_pack_asked_sealed AFTER INSERT ON compliance_pack
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_require_entry('evidence_pack');
CREATE CONSTRAINT TRIGGER compliance_pack_ended_sealed AFTER UPDATE ON compliance_pack
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state IS DISTINCT FROM OLD.state AND NEW.state <> 'building')
    EXECUTE FUNCTION audit_require_entry('evidence_pack');
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "0001_organisations_and_people"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.UUIDField(default=access.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "rule",
                    models.CharField(
                        choices=[("bulk_viewing", "Many residents opened in a short time")], max_length=20
                    ),
                ),
                ("staff_ref", models.CharField(max_length=100)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("residents", models.PositiveIntegerField()),
                ("explanation", models.CharField(max_length=300)),
                ("raised_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "To review"), ("reviewed", "Reviewed")], default="open", max_length=8
                    ),
                ),
                ("reviewed_by", models.CharField(blank=True, max_length=100)),
                ("reviewed_at", models.DateTimeField(null=True)),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("explained", "There was a good reason"),
                            ("misuse", "It was misuse"),
                            ("unsure", "It cannot be said"),
                        ],
                        max_length=9,
                    ),
                ),
                ("note", access.encryption.EncryptedTextField(null=True)),
                (
                    "care_home",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
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
                "indexes": [models.Index(fields=["organisation", "state", "-raised_at"], name="alert_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation", "rule", "staff_ref", "first_at"), name="alert_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("last_at__gte", models.F("first_at"))), name="alert_runs_forward"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reviewed_at__isnull", True), ("state", "open"), ("verdict", "")),
                            models.Q(
                                ("reviewed_at__isnull", False),
                                ("state", "reviewed"),
                                models.Q(("verdict", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="alert_reviewed_has_a_verdict",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Confirmation",
            fields=[
                ("id", models.UUIDField(default=access.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("edition", models.CharField(max_length=10)),
                ("item_ref", models.CharField(max_length=12)),
                (
                    "kind",
                    models.CharField(choices=[("confirmed", "Confirmed"), ("withdrawn", "Withdrawn")], max_length=9),
                ),
                ("statement", access.encryption.EncryptedTextField()),
                ("confirmed_by", models.CharField(max_length=100)),
                ("confirmed_at", models.DateTimeField()),
                ("valid_until", models.DateField(null=True)),
                (
                    "on_finding",
                    models.CharField(
                        blank=True,
                        choices=[("met", "met"), ("not_met", "not_met"), ("unknown", "unknown")],
                        max_length=8,
                    ),
                ),
                ("finding_statement", models.TextField(blank=True)),
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
                "indexes": [
                    models.Index(
                        fields=["organisation", "edition", "item_ref", "-confirmed_at"], name="confirmation_of_item"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "confirmed"), ("valid_until__isnull", False)),
                            models.Q(("kind", "withdrawn"), ("valid_until__isnull", True)),
                            _connector="OR",
                        ),
                        name="confirmation_ends",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Pack",
            fields=[
                ("id", models.UUIDField(default=access.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("edition", models.CharField(max_length=10)),
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
                ("step", models.CharField(blank=True, max_length=60)),
                ("steps_done", models.PositiveSmallIntegerField(default=0)),
                ("steps_total", models.PositiveSmallIntegerField()),
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
                "default_permissions": (),
                "indexes": [models.Index(fields=["organisation", "-created_at"], name="pack_newest")],
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
                        name="pack_ready_is_complete",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "failed"), _negated=True),
                            models.Q(("failure", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="pack_failed_says_why",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("steps_done__lte", models.F("steps_total"))), name="pack_steps"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScanMark",
            fields=[
                ("id", models.UUIDField(default=access.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "rule",
                    models.CharField(
                        choices=[("bulk_viewing", "Many residents opened in a short time")], max_length=20
                    ),
                ),
                ("scanned_until", models.DateTimeField()),
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
                "db_table": "compliance_scan_mark",
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("organisation", "rule"), name="scan_mark_of_rule")],
            },
        ),
        *tenant_table("compliance_confirmation", app="SELECT, INSERT"),
        *tenant_table("compliance_pack"),
        *tenant_table("compliance_alert", foreign_keys={"care_home_id": "access_carehome"}),
        *tenant_table("compliance_scan_mark"),
        migrations.RunSQL(APPEND_ONLY, migrations.RunSQL.noop),
        migrations.RunSQL(PACK_SEALED, migrations.RunSQL.noop),
        migrations.RunSQL(
            require_entry("compliance_confirmation", "confirmation")
            + require_entry("compliance_alert", "access_alert"),
            migrations.RunSQL.noop,
        ),
    ]
