"""Erased residents: a mark on the record, and a certificate; nothing is written about an erased resident any more."""

import django.db.models.deletion
from django.db import migrations, models

import access.encryption
import audit.ids
from access.migrations_sql import tenant_table
from audit.sql_guards import require_entry_of

# A note that was under way while its resident was erased would be written under a key that is gone. The lock makes
# the note wait for the erasure, or the erasure for the note.
NOT_ABOUT_ERASED = """
CREATE FUNCTION records_refuse_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM records_resident r WHERE r.organisation_id = NEW.organisation_id AND r.id = NEW.resident_id
        AND r.erased_at IS NULL FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'This resident is not on record' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER records_daily_note_not_erased AFTER INSERT ON records_daily_note
    FOR EACH ROW EXECUTE FUNCTION records_refuse_erased();
CREATE FUNCTION records_erased_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'An erased record does not change' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER records_resident_erased_stays BEFORE UPDATE ON records_resident
    FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL) EXECUTE FUNCTION records_erased_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_organisations_and_people"),
        ("audit", "0006_entries_of_owners"),
        ("records", "0001_residents_and_notes"),
    ]

    operations = [
        migrations.AddField(
            model_name="resident",
            name="erased_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.UUIDField(default=audit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("resident_id", models.UUIDField()),
                (
                    "basis",
                    models.CharField(
                        choices=[
                            (
                                "request",
                                "The resident, or someone acting for them, asked for it and has the right to it",
                            ),
                            ("mistake", "The record was made by mistake"),
                            ("retention", "The time for which it must be kept is over"),
                            ("restored", "It had been erased before, and a restored backup brought it back"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reason", access.encryption.EncryptedTextField()),
                ("erased_by", models.CharField(max_length=100)),
                ("erased_at", models.DateTimeField()),
                ("notes", models.PositiveIntegerField()),
                ("entries", models.PositiveIntegerField()),
                ("backups_until", models.DateField()),
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
                "indexes": [models.Index(fields=["organisation", "-erased_at"], name="erasure_newest")],
                "constraints": [models.UniqueConstraint(fields=("organisation", "resident_id"), name="erasure_once")],
            },
        ),
        *tenant_table(
            "records_erasure",
            app="SELECT, INSERT",
            foreign_keys={"care_home_id": "access_carehome", "resident_id": "records_resident"},
        ),
        migrations.RunSQL(
            require_entry_of("records_erasure", "resident", "resident_id") + NOT_ABOUT_ERASED, migrations.RunSQL.noop
        ),
    ]
