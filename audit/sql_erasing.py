"""Erasing in the ledger: the one change that append-only allows, and only beside the entry that tells of it.

What is destroyed is salt and ciphertext of entries that name exactly one resident; all that was hashed stays. The
function demands that `records.resident.erased` about that resident was written by the very same transaction, and the
guard on the table demands it again, so that nobody, the table's owner included, takes details out in silence.
"""

from audit.sql import APP, AUDIT, TENANT

ERASED = "records.resident.erased"  # audit knows the name only; records writes the entry

ERASING = f"""
CREATE FUNCTION audit_refuse_but_erasing() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND cardinality(OLD.residents) = 1 AND NEW.salt IS NULL AND NEW.detail IS NULL
        AND to_jsonb(NEW) - 'salt' - 'detail' = to_jsonb(OLD) - 'salt' - 'detail'
        AND EXISTS (
            SELECT 1 FROM audit_event e
             WHERE e.organisation_id = OLD.organisation_id AND e.subject = 'resident:' || OLD.residents[1]
               AND e.action = '{ERASED}' AND e.xact = pg_current_xact_id())
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The ledger is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION audit_erase(organisation uuid, resident uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Destroys salt and ciphertext of every entry that names this resident alone; returns how many entries that were.
DECLARE
    erased integer;
BEGIN
    IF organisation IS DISTINCT FROM {TENANT} THEN
        RAISE EXCEPTION 'Another organisation is open' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM audit_event e
         WHERE e.organisation_id = organisation AND e.subject = 'resident:' || resident AND e.action = '{ERASED}'
           AND e.xact = pg_current_xact_id())
    THEN
        RAISE EXCEPTION 'No entry of this transaction tells of the erasure' USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE audit_event e SET salt = NULL, detail = NULL
      FROM audit_mention m
     WHERE m.organisation_id = organisation AND m.resident_id = resident
       AND e.organisation_id = organisation AND e.id = m.event_id AND e.at = m.at
       AND e.residents = ARRAY[resident] AND e.detail IS NOT NULL;
    GET DIAGNOSTICS erased = ROW_COUNT;
    RETURN erased;
END $$;

ALTER FUNCTION audit_refuse_but_erasing() OWNER TO {AUDIT};
ALTER FUNCTION audit_erase(uuid, uuid) OWNER TO {AUDIT};
REVOKE ALL ON FUNCTION audit_erase(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_erase(uuid, uuid) TO {APP};
DROP TRIGGER audit_event_append_only ON audit_event;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_but_erasing();
"""
