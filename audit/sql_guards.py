"""More ways to demand an entry: by another column than the row's id, and leaving aside columns that carry no act."""

from collections.abc import Iterable

from audit.sql import AUDIT

REQUIRE_ENTRY_OF = f"""
CREATE FUNCTION audit_names(ref text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Whether an entry of this transaction is about `ref`. The hint of audit_noted says where; only the row is believed.
DECLARE
    hints text := ' ' || coalesce(current_setting('audit.subjects', true), '');
    place integer := strpos(hints, ' ' || ref || '=');
    hint text[];
BEGIN
    IF place = 0 THEN
        RETURN false;
    END IF;
    hint := string_to_array(split_part(substr(hints, place + length(ref) + 2, 100), ' ', 1), '=');
    RETURN EXISTS (
        SELECT 1 FROM audit_event e
         WHERE e.id = hint[1]::uuid AND e.at = hint[2]::timestamptz AND e.subject = ref
           AND e.xact = pg_current_xact_id());
END $$;

CREATE FUNCTION audit_require_entry_of() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- At commit: refuse a change unless an entry of this transaction names what the row belongs to.
-- TG_ARGV[0]: the ref's kind, TG_ARGV[1]: the column with its id; with an empty kind the column begins with the ref.
DECLARE
    told text := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END ->> TG_ARGV[1];
    ref text := CASE WHEN TG_ARGV[0] = '' THEN split_part(told, ':', 1) || ':' || split_part(told, ':', 2)
        ELSE TG_ARGV[0] || ':' || told END;
BEGIN
    IF NOT audit_names(ref) THEN
        RAISE EXCEPTION 'A row of % changed and no ledger entry names it', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION audit_names(text) OWNER TO {AUDIT};
ALTER FUNCTION audit_require_entry_of() OWNER TO {AUDIT};
"""


def require_entry_of(table: str, kind: str, column: str) -> str:
    """The deferred trigger that refuses a commit which changed `table` and sealed nothing about `kind:<column>`."""
    return (
        f"CREATE CONSTRAINT TRIGGER {table}_sealed AFTER INSERT OR UPDATE OR DELETE ON {table}"
        f" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_require_entry_of('{kind}', '{column}');\n"
    )


def require_entry_but(table: str, kind: str, columns: Iterable[str]) -> str:
    """As `audit.sql.require_entry`, except for an update of nothing but `columns`, which carry no act."""
    rest = "".join(f" - '{column}'" for column in columns)
    return (
        f"CREATE CONSTRAINT TRIGGER {table}_sealed AFTER INSERT OR DELETE ON {table}"
        f" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_require_entry('{kind}');\n"
        f"CREATE CONSTRAINT TRIGGER {table}_change_sealed AFTER UPDATE ON {table}"
        f" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        f" WHEN (to_jsonb(OLD){rest} IS DISTINCT FROM to_jsonb(NEW){rest})"
        f" EXECUTE FUNCTION audit_require_entry('{kind}');\n"
    )
