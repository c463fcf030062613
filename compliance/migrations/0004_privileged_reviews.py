"""Reviews of privileged activity (append-only)."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import access.encryption
import access.ids
from access.migrations_sql import tenant_table
from audit.sql import require_entry

# A person's word is never changed or taken away, not even by the owner of the table.
APPEND_ONLY = """
CREATE TRIGGER compliance_privileged_review_append_only BEFORE UPDATE OR DELETE ON compliance_privileged_review
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER compliance_privileged_review_not_emptied BEFORE TRUNCATE ON compliance_privileged_review
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0003_access_reports"),
    ]

    operations = [
        migrations.CreateModel(
            name="PrivilegedReview",
            fields=[
                ("id", models.UUIDField(default=access.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("month", models.DateField()),
                (
                    "care_homes",
                    django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None),
                ),
                ("acts", models.PositiveIntegerField()),
                ("remark", access.encryption.EncryptedTextField()),
                ("reviewed_by", models.CharField(max_length=100)),
                ("reviewed_at", models.DateTimeField()),
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
                "db_table": "compliance_privileged_review",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["organisation", "month", "-reviewed_at"], name="privileged_review_of_month")
                ],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("month__day", 1)), name="privileged_review_month"),
                    models.CheckConstraint(
                        condition=models.Q(("reviewed_by", ""), _negated=True), name="privileged_review_named"
                    ),
                ],
            },
        ),
        *tenant_table("compliance_privileged_review", app="SELECT, INSERT"),
        migrations.RunSQL(APPEND_ONLY, migrations.RunSQL.noop),
        migrations.RunSQL(require_entry("compliance_privileged_review", "privileged_review"), migrations.RunSQL.noop),
    ]
