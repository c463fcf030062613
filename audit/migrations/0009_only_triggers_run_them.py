"""Nobody but triggers runs the ledger's trigger functions, and only the tables' owner takes months out of the ledger.

Whoever may make a temporary table could hang a function that seals on it, and write seals without entries. And the
application can write records of archives itself, so it must not be the one who then takes the entries away.
"""

from django.db import migrations

FUNCTIONS = (
    "audit_noted()",
    "audit_seal_event()",
    "audit_count_view()",
    "audit_view_is_sealed()",
    "audit_require_entry()",
    "audit_require_entry_of()",
    "audit_refuse()",
)
SQL = (
    "".join(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC;\n" for function in FUNCTIONS)
    + """
REVOKE ALL ON FUNCTION audit_detach_archived(timestamptz) FROM carehome_app;
DO $$ BEGIN
    -- audit_detach_archived keeps its lists in temporary tables, and runs as the ledger's role.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO carehome_audit', current_database());
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;
"""
)


class Migration(migrations.Migration):
    dependencies = [("audit", "0008_cheaper_sealing")]

    operations = [migrations.RunSQL(SQL, reverse_sql=migrations.RunSQL.noop)]
