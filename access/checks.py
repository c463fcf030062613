"""System checks that refuse an unsafe start: the application must be nothing stronger than the application role."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.db import OperationalError, connections

from access.errors import WrappingKeyMissing
from access.wrapping import wrapping_key


@register(Tags.database)
def weak_enough(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[Error]:
    """access.E001–E003: no superuser, no BYPASSRLS, no ownership, no DDL; every tenant table forces its wall."""
    if not databases or "default" not in databases:
        return []
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute(
                "SELECT rolsuper OR rolbypassrls OR rolcreaterole,"
                " has_schema_privilege(current_user, 'public', 'CREATE'),"
                " EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                "         WHERE n.nspname = 'public' AND pg_has_role(current_user, c.relowner, 'USAGE'))"
                " FROM pg_roles WHERE rolname = current_user"
            )
            strong, creates, owns = cursor.fetchone()
            cursor.execute(
                "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organisation_id' AND NOT a.attisdropped"
                " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname <> 'access_directory'"
                " AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1"
            )
            open_tables = [row[0] for row in cursor.fetchall()]
    except OperationalError:
        return []  # /readyz tells of a database that is not there
    problems = []
    if strong or creates or owns:
        problems.append(
            Error(
                "The application's database role is stronger than it may be.",
                hint=f"Put the role {settings.DATABASE_APP_ROLE} into DATABASE_URL: it owns and bypasses nothing.",
                id="access.E001",
            )
        )
    problems += [
        Error(
            f"The table {table} carries an organisation and does not force row-level security.",
            hint="Add access.migrations_sql.tenant_table to its migration.",
            id="access.E002",
        )
        for table in open_tables
    ]
    return problems


@register(Tags.security)
def wrapping_key_there(app_configs: Any, **kwargs: Any) -> list[Error]:
    """access.E004: nothing can be read without the wrapping key."""
    try:
        wrapping_key()
    except WrappingKeyMissing:
        return [
            Error(
                "The wrapping key cannot be read, so no record can be opened.",
                hint="Put its file where CAREHOME_WRAPPING_KEY_FILE says, readable by this user only.",
                id="access.E004",
            )
        ]
    return []
