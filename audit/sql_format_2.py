"""Format 2 of entries, and views that are still open: what the second migration adds in SQL.

Sealing adds the database's own clock and the count of a merged view. A view stands open for at most a minute, in a
table of its own where the application may only count it up; it leaves that table in the transaction that seals it.
"""

from audit.sql import APP, AUDIT, TENANT

COLUMNS = """
ALTER TABLE audit_event ADD COLUMN count integer NOT NULL DEFAULT 1 CHECK (count > 0);
ALTER TABLE audit_seal ADD COLUMN version smallint NOT NULL DEFAULT 1;
ALTER TABLE audit_seal ADD COLUMN sealed_at timestamptz;
ALTER TABLE audit_seal ALTER COLUMN version DROP DEFAULT;
ALTER TABLE audit_seal ADD CONSTRAINT audit_seal_of_a_version CHECK ((version = 1) = (sealed_at IS NULL));
"""

SEALING = """
CREATE FUNCTION audit_leaf_2(e audit_event, seq bigint, sealed_at timestamptz) RETURNS bytea LANGUAGE sql STABLE AS $$
    -- SHA-256(0x00 || canonical bytes, version 2): audit/canonical.py makes the same.
    SELECT sha256('\\x0002'::bytea || uuid_send(e.organisation_id) || int8send(seq) || uuid_send(e.id)
        || timestamptz_send(e.at) || timestamptz_send(sealed_at) || int4send(e.count) || audit_text(e.kind)
        || audit_text(e.actor) || audit_text(e.action) || audit_text(e.subject) || audit_text(e.device)
        || CASE WHEN e.care_home_id IS NULL THEN int4send(-1) ELSE int4send(16) || uuid_send(e.care_home_id) END
        || audit_uuids(e.residents) || e.commitment)
$$;

CREATE OR REPLACE FUNCTION audit_seal_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- At commit: take the organisation's head, last of all locks, and write the event's seal behind it.
DECLARE
    head audit_head; entry_leaf bytea; sealing_at timestamptz;
BEGIN
    SELECT * INTO head FROM audit_head WHERE organisation_id = NEW.organisation_id FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO audit_head VALUES (NEW.organisation_id, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
        SELECT * INTO head FROM audit_head WHERE organisation_id = NEW.organisation_id FOR UPDATE;
    END IF;
    sealing_at := clock_timestamp();
    entry_leaf := audit_leaf_2(NEW, head.seq + 1, sealing_at);
    head.seq := head.seq + 1;
    head.digest := sha256(head.digest || entry_leaf);
    INSERT INTO audit_seal (organisation_id, seq, event_id, at, leaf, digest, version, sealed_at)
    VALUES (NEW.organisation_id, head.seq, NEW.id, NEW.at, entry_leaf, head.digest, 2, sealing_at);
    UPDATE audit_head SET seq = head.seq, digest = head.digest WHERE organisation_id = NEW.organisation_id;
    RETURN NULL;
END $$;
"""

OPEN_VIEWS = """
CREATE TABLE audit_open_view (
    id uuid PRIMARY KEY, -- the entry's, once it is sealed
    organisation_id uuid NOT NULL,
    key bytea NOT NULL CHECK (octet_length(key) = 32), -- digest of who, where, what and on which page
    opened_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL CHECK (last_at >= opened_at),
    count integer NOT NULL DEFAULT 1 CHECK (count > 0),
    actor varchar(100) NOT NULL CHECK (actor ~ '^[a-z_]+:[A-Za-z0-9._-]+$'),
    action varchar(100) NOT NULL CHECK (action ~ '^[a-z_]+([.][a-z_]+)+$'),
    subject varchar(100) NOT NULL CHECK (subject ~ '^[a-z_]+:[A-Za-z0-9._-]+$'),
    device varchar(100) CHECK (device ~ '^[a-z_]+:[A-Za-z0-9._-]+$'),
    care_home_id uuid,
    residents uuid[] NOT NULL DEFAULT '{}',
    page varchar(100) NOT NULL,
    extra jsonb NOT NULL DEFAULT '{}' -- refs, figures and keyed digests for the entry's details, never content
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX audit_open_view_key ON audit_open_view (organisation_id, key);
CREATE INDEX audit_open_view_opened ON audit_open_view (organisation_id, opened_at);

CREATE FUNCTION audit_count_view() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.count <> OLD.count + 1 OR NEW.last_at < OLD.last_at THEN
        RAISE EXCEPTION 'An open view is only counted up' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION audit_view_is_sealed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- At commit: an open view may go only when its entry was written by this very transaction, and says the same.
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM audit_event e
         WHERE e.id = OLD.id AND e.at = OLD.opened_at AND e.organisation_id = OLD.organisation_id AND e.kind = 'view'
           AND e.actor = OLD.actor AND e.action = OLD.action AND e.subject = OLD.subject AND e.count = OLD.count
           AND e.device IS NOT DISTINCT FROM OLD.device AND e.residents = OLD.residents
           AND e.care_home_id IS NOT DISTINCT FROM OLD.care_home_id AND e.xact = pg_current_xact_id()
    ) THEN
        RAISE EXCEPTION 'A view ended and no ledger entry tells of it' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER audit_open_view_counted BEFORE UPDATE ON audit_open_view
    FOR EACH ROW EXECUTE FUNCTION audit_count_view();
CREATE CONSTRAINT TRIGGER audit_open_view_sealed AFTER DELETE ON audit_open_view
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_view_is_sealed();
CREATE TRIGGER audit_open_view_no_truncate BEFORE TRUNCATE ON audit_open_view
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
"""

WALLS = f"""
GRANT INSERT (count) ON audit_event TO {APP};
ALTER FUNCTION audit_leaf_2(audit_event, bigint, timestamptz) OWNER TO {AUDIT};
ALTER TABLE audit_open_view ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_open_view FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_open_view_tenant ON audit_open_view TO {APP}
    USING (organisation_id = {TENANT}) WITH CHECK (organisation_id = {TENANT});
CREATE POLICY audit_open_view_ledger ON audit_open_view TO {AUDIT} USING (true) WITH CHECK (true);
REVOKE ALL ON audit_open_view FROM PUBLIC;
GRANT SELECT, INSERT, DELETE, UPDATE (count, last_at) ON audit_open_view TO {APP};
ALTER TABLE audit_open_view OWNER TO {AUDIT};
ALTER FUNCTION audit_count_view() OWNER TO {AUDIT};
ALTER FUNCTION audit_view_is_sealed() OWNER TO {AUDIT};
"""
