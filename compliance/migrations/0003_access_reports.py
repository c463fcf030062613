"""Reports of who looked at a record: links for families, questions, answers, and how staff are named in them."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import access.encryption
import audit.ids
from access.migrations_sql import tenant_table
from audit.sql import require_entry

# A question and an answer are never changed or taken away, not even by the owner of the tables.
APPEND_ONLY = "".join(
    f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
    f" FOR EACH ROW EXECUTE FUNCTION audit_refuse();"
    f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table}"
    f" FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();"
    for table in ("compliance_access_question", "compliance_access_answer")
)
OF_RESIDENT = {"care_home_id": "access_carehome", "resident_id": "records_resident"}


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_organisations_and_people"),
        ("compliance", "0002_ledger_exports"),
        ("records", "0001_residents_and_notes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="alert",
            name="rule",
            field=models.CharField(
                choices=[
                    ("bulk_viewing", "Many residents opened in a short time"),
                    ("unexplained", "Asked why a record was opened, and found no good reason"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="scanmark",
            name="rule",
            field=models.CharField(
                choices=[
                    ("bulk_viewing", "Many residents opened in a short time"),
                    ("unexplained", "Asked why a record was opened, and found no good reason"),
                ],
                max_length=20,
            ),
        ),
        migrations.CreateModel(
            name="AccessReportShare",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("receiver", access.encryption.EncryptedTextField()),
                ("relation", access.encryption.EncryptedTextField()),
                (
                    "basis",
                    models.CharField(
                        choices=[
                            ("resident_asked", "The resident asked for it"),
                            ("welfare_attorney", "Lasting power of attorney for health and welfare"),
                            ("deputy", "Deputy appointed by the Court of Protection"),
                            ("other", "Another reason"),
                        ],
                        max_length=16,
                    ),
                ),
                ("basis_note", access.encryption.EncryptedTextField(null=True)),
                ("since", models.DateTimeField(null=True)),
                ("made_by", models.CharField(max_length=100)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("link_digest", models.BinaryField(max_length=32)),
                ("code_digest", models.BinaryField(max_length=32)),
                ("wrong_codes", models.PositiveSmallIntegerField(default=0)),
                ("blocked_at", models.DateTimeField(null=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                ("withdrawn_by", models.CharField(blank=True, max_length=100)),
                ("last_opened_at", models.DateTimeField(null=True)),
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
                    "follows",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="compliance.accessreportshare",
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
                    "resident",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="records.resident",
                    ),
                ),
            ],
            options={
                "db_table": "compliance_access_report_share",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AccessQuestion",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("asked_by", models.CharField(max_length=100)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("due_on", models.DateField()),
                ("entry_id", models.UUIDField()),
                ("entry_at", models.DateTimeField()),
                ("staff_ref", models.CharField(max_length=100)),
                ("about", access.encryption.EncryptedTextField()),
                ("words", access.encryption.EncryptedTextField(null=True)),
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
                    "resident",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="records.resident",
                    ),
                ),
                (
                    "share",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="questions",
                        to="compliance.accessreportshare",
                    ),
                ),
            ],
            options={
                "db_table": "compliance_access_question",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AccessAnswer",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("explained", "There was a good reason"),
                            ("not_explained", "We could not find a good reason"),
                        ],
                        max_length=13,
                    ),
                ),
                ("words", access.encryption.EncryptedTextField()),
                ("facts", access.encryption.EncryptedJSONField()),
                ("answered_by", models.CharField(max_length=100)),
                ("answered_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                    "resident",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="records.resident",
                    ),
                ),
                (
                    "supersedes",
                    models.OneToOneField(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="correction",
                        to="compliance.accessanswer",
                    ),
                ),
                (
                    "question",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="answers",
                        to="compliance.accessquestion",
                    ),
                ),
            ],
            options={
                "db_table": "compliance_access_answer",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("supersedes__isnull", True)),
                        fields=("organisation", "question"),
                        name="access_answered_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("supersedes__isnull", True),
                            models.Q(("supersedes", models.F("id")), _negated=True),
                            _connector="OR",
                        ),
                        name="access_answer_not_itself",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AccessReportSetting",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                (
                    "names",
                    models.CharField(
                        choices=[("full", "Full name and job"), ("first", "First name and job"), ("job", "Job only")],
                        default="full",
                        max_length=5,
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
                "db_table": "compliance_access_report_setting",
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("organisation",), name="access_report_setting_once")],
            },
        ),
        migrations.AddIndex(
            model_name="accessreportshare",
            index=models.Index(fields=["organisation", "resident", "-made_at"], name="access_share_of_resident"),
        ),
        migrations.AddConstraint(
            model_name="accessreportshare",
            constraint=models.UniqueConstraint(fields=("organisation", "link_digest"), name="access_share_link"),
        ),
        migrations.AddConstraint(
            model_name="accessreportshare",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("made_at"))), name="access_share_ends"
            ),
        ),
        migrations.AddConstraint(
            model_name="accessreportshare",
            constraint=models.CheckConstraint(condition=models.Q(("wrong_codes__lte", 5)), name="access_share_tries"),
        ),
        migrations.AddIndex(
            model_name="accessquestion",
            index=models.Index(fields=["organisation", "resident", "-asked_at"], name="access_question_of_resident"),
        ),
        migrations.AddConstraint(
            model_name="accessquestion",
            constraint=models.UniqueConstraint(
                fields=("organisation", "asked_by", "entry_id"), name="access_asked_once"
            ),
        ),
        *tenant_table(
            "compliance_access_report_share",
            foreign_keys=OF_RESIDENT | {"follows_id": "compliance_access_report_share"},
        ),
        *tenant_table(
            "compliance_access_question",
            app="SELECT, INSERT",
            foreign_keys=OF_RESIDENT | {"share_id": "compliance_access_report_share"},
        ),
        *tenant_table(
            "compliance_access_answer",
            app="SELECT, INSERT",
            foreign_keys=OF_RESIDENT
            | {"question_id": "compliance_access_question", "supersedes_id": "compliance_access_answer"},
        ),
        *tenant_table("compliance_access_report_setting"),
        migrations.RunSQL(APPEND_ONLY, migrations.RunSQL.noop),
        migrations.RunSQL(
            require_entry("compliance_access_report_share", "access_report_share")
            + require_entry("compliance_access_question", "access_question")
            + require_entry("compliance_access_answer", "access_answer")
            + require_entry("compliance_access_report_setting", "access_report_setting"),
            migrations.RunSQL.noop,
        ),
    ]
