"""Tiles for quick proofs, records of archives, and the one way in which old partitions leave the ledger. In SQL."""

from audit.sql import APP, AUDIT, TENANT

TABLES = """
CREATE TABLE audit_tile (
    organisation_id uuid NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    number bigint NOT NULL CHECK (number >= 0),
    hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    PRIMARY KEY (organisation_id, level, number)
);
ALTER TABLE audit_tile ALTER hashes SET STORAGE EXTERNAL; -- hashes do not compress

CREATE TABLE audit_archive (
    id uuid PRIMARY KEY,
    organisation_id uuid NOT NULL,
    before timestamptz NOT NULL, -- entries dated earlier left, but for those sealed behind a later one
    first_seq bigint NOT NULL CHECK (first_seq > 0),
    last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32), -- of the last archived entry
    frontier bytea NOT NULL, -- of the tree of all entries up to it
    tail bytea NOT NULL, -- leaves of its last tile, where that is not full
    file_name varchar(200) NOT NULL,
    file_sha256 bytea NOT NULL CHECK (octet_length(file_sha256) = 32),
    note text NOT NULL, -- the file's signed trailer
    written_at timestamptz NOT NULL,
    UNIQUE (organisation_id, last_seq)
);
"""

DETACH = """
CREATE FUNCTION audit_detach_archived(cutoff timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Takes the monthly partitions before `cutoff` out of the ledger, once every organisation's entries in them are covered
-- by a record in audit_archive. Entries sealed behind an archive's last one stay: they move to the default partition.
-- Returns how many partitions were taken out. They stay as tables of their own, out of the application's sight.
DECLARE
    parent text; month text; names text[] := '{}'; lacking uuid; made integer := 0; detached text;
BEGIN
    SELECT array_agg(to_char(first, 'YYYY_MM') ORDER BY first) INTO names
      FROM generate_series('2020-01-01'::timestamp, (cutoff AT TIME ZONE 'UTC') - interval '1 month', '1 month') AS first
     WHERE EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = to_regclass('audit_seal_' || to_char(first, 'YYYY_MM'))
                      AND i.inhparent = 'audit_seal'::regclass);
    IF names IS NULL THEN
        RETURN 0;
    END IF;
    LOCK TABLE audit_event, audit_seal, audit_mention IN ACCESS EXCLUSIVE MODE;

    -- An organisation whose oldest entry before the cutoff lies beyond its archives, or whose archive names another chain.
    SELECT o.organisation_id INTO lacking
      FROM (SELECT organisation_id, min(seq) AS oldest FROM audit_seal WHERE at < cutoff GROUP BY organisation_id) o
     WHERE NOT EXISTS (
        SELECT 1 FROM audit_archive a JOIN audit_seal s
            ON s.organisation_id = a.organisation_id AND s.seq = a.last_seq AND s.digest = a.digest
         WHERE a.organisation_id = o.organisation_id AND a.before >= cutoff AND a.last_seq >= o.oldest)
       AND NOT EXISTS ( -- all of it stands behind an entry dated later, and stays
        SELECT 1 FROM audit_seal n WHERE n.organisation_id = o.organisation_id AND n.seq < o.oldest AND n.at >= cutoff)
     LIMIT 1;
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION 'Organisation % has entries before % that no archive covers', lacking, cutoff
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    CREATE TEMP TABLE audit_horizon ON COMMIT DROP AS
        SELECT organisation_id, max(last_seq) AS last_seq FROM audit_archive WHERE before >= cutoff GROUP BY organisation_id;
    CREATE TEMP TABLE audit_staying ON COMMIT DROP AS
        SELECT s.organisation_id, s.event_id, s.at FROM audit_seal s LEFT JOIN audit_horizon h USING (organisation_id)
         WHERE s.at < cutoff AND s.seq > coalesce(h.last_seq, 0);
    CREATE TEMP TABLE audit_leaving ON COMMIT DROP AS
        SELECT s.organisation_id, s.event_id, s.at FROM audit_seal s JOIN audit_horizon h USING (organisation_id)
         WHERE s.tableoid = 'audit_seal_other'::regclass AND s.seq <= h.last_seq;
    -- The default partition may take and give rows only here: nothing is sealed anew, and nothing archived stays.
    FOREACH parent IN ARRAY ARRAY['audit_event', 'audit_seal', 'audit_mention'] LOOP
        EXECUTE format('ALTER TABLE %I DISABLE TRIGGER USER', parent || '_other');
        EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', parent || '_other'); -- partitions have no policy of their own
        EXECUTE format('DELETE FROM %I t USING audit_leaving l WHERE t.organisation_id = l.organisation_id AND t.at = l.at AND t.%I = l.event_id',
            parent || '_other', CASE parent WHEN 'audit_event' THEN 'id' ELSE 'event_id' END);
        FOREACH month IN ARRAY names LOOP
            detached := parent || '_' || month;
            CONTINUE WHEN to_regclass(detached) IS NULL;
            EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, detached);
            EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', detached);
            EXECUTE format('REVOKE ALL ON %I FROM %I, PUBLIC', detached, '{app}');
            EXECUTE format('INSERT INTO %I SELECT t.* FROM %I t JOIN audit_staying s ON t.organisation_id = s.organisation_id AND t.at = s.at AND t.%I = s.event_id',
                parent || '_other', detached, CASE parent WHEN 'audit_event' THEN 'id' ELSE 'event_id' END);
            EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', detached);
            EXECUTE format('ALTER TABLE %I RENAME TO %I', detached, 'archived_' || detached);
            made := made + 1;
        END LOOP;
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', parent || '_other');
        EXECUTE format('ALTER TABLE %I ENABLE TRIGGER USER', parent || '_other');
    END LOOP;
    RETURN made;
END $$;
""".replace("{app}", APP)


def guards() -> str:
    statements = []
    for table in ("audit_tile", "audit_archive"):
        statements += [
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refuse();",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;",
            f"CREATE POLICY {table}_tenant ON {table} TO {APP} USING (organisation_id = {TENANT}) WITH CHECK (organisation_id = {TENANT});",
            f"CREATE POLICY {table}_ledger ON {table} TO {AUDIT} USING (true) WITH CHECK (true);",
            f"REVOKE ALL ON {table} FROM PUBLIC;",
            f"GRANT SELECT, INSERT ON {table} TO {APP};",
            f"ALTER TABLE {table} OWNER TO {AUDIT};",
        ]
    return "\n".join(
        [
            *statements,
            f"ALTER FUNCTION audit_detach_archived(timestamptz) OWNER TO {AUDIT};",
            "REVOKE ALL ON FUNCTION audit_detach_archived(timestamptz) FROM PUBLIC;",
            f"GRANT EXECUTE ON FUNCTION audit_detach_archived(timestamptz) TO {APP};",
        ]
    )
