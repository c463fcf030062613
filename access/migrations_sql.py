"""The wall around a tenant's table, as migration operations."""

from collections.abc import Mapping

from django.db import migrations

APP = "carehome_app"
TENANT = "NULLIF(current_setting('app.organisation', true), '')::uuid"


def tenant_table(
    table: str,
    *,
    app: str = "SELECT, INSERT, UPDATE",
    foreign_keys: Mapping[str, str] | None = None,
    tenant_column: str = "organisation_id",
    identified: bool = True,
) -> list[migrations.RunSQL]:
    """Row-level security (enabled, forced), the policy, (organisation, id) as a key, composite keys, the app's rights.

    foreign_keys: column → table; the reference carries the organisation, so no row can point across.
    app: what the application role may do; nobody else gets anything.
    """
    statements = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;",
        f"CREATE POLICY {table}_tenant ON {table} USING ({tenant_column} = {TENANT})"
        f" WITH CHECK ({tenant_column} = {TENANT});",
        f"REVOKE ALL ON {table} FROM PUBLIC;",
        f"GRANT {app} ON {table} TO {APP};",
    ]
    if identified:
        statements.append(f"ALTER TABLE {table} ADD CONSTRAINT {table}_tenant_id UNIQUE ({tenant_column}, id);")
    for column, target in (foreign_keys or {}).items():
        statements.append(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_tenant FOREIGN KEY ({tenant_column}, {column})"
            f" REFERENCES {target} ({tenant_column}, id) DEFERRABLE INITIALLY DEFERRED;"
        )
    return [migrations.RunSQL("\n".join(statements), reverse_sql=migrations.RunSQL.noop)]


def shared_table(table: str, *, app: str) -> list[migrations.RunSQL]:
    """A table without tenants' data: only the application's rights are set."""
    return [
        migrations.RunSQL(
            f"REVOKE ALL ON {table} FROM PUBLIC; GRANT {app} ON {table} TO {APP};", reverse_sql=migrations.RunSQL.noop
        )
    ]
