"""The ledger's tables, triggers and guards in SQL, run once by the first migration.

What rules here: the application role may insert events and read; every seal is written by a deferred trigger that runs
as the ledger's own role and takes the organisation's head last, so there are no deadlocks; a sequence without gaps
follows commit order; a rollback removes event and seal together.
"""

AUDIT, APP = "carehome_audit", "carehome_app"
TENANT = "NULLIF(current_setting('app.organisation', true), '')::uuid"
EVENT_COLUMNS = (
    "id, organisation_id, at, kind, actor, action, subject, device, care_home_id, residents, commitment, salt, detail"
)
FIRST_YEAR, LAST_YEAR = 2026, 2027  # later months are made by audit_make_partitions(), daily

TABLES = """
CREATE TABLE audit_event (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    at timestamptz NOT NULL,
    kind varchar(8) NOT NULL CHECK (kind IN ('act', 'change', 'view', 'refusal')),
    actor varchar(100) NOT NULL CHECK (actor ~ '^[a-z_]+:[A-Za-z0-9._-]+$'),
    action varchar(100) NOT NULL CHECK (action ~ '^[a-z_]+([.][a-z_]+)+$'),
    subject varchar(100) NOT NULL CHECK (subject ~ '^[a-z_]+:[A-Za-z0-9._-]+$'),
    device varchar(100) CHECK (device ~ '^[a-z_]+:[A-Za-z0-9._-]+$'),
    care_home_id uuid,
    residents uuid[] NOT NULL DEFAULT '{}',
    commitment bytea NOT NULL CHECK (octet_length(commitment) = 32),
    salt bytea CHECK (octet_length(salt) = 32),
    detail bytea,
    xact xid8 NOT NULL DEFAULT pg_current_xact_id(), -- the transaction that wrote it; not the application's to say
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX audit_event_at ON audit_event (organisation_id, at);
CREATE INDEX audit_event_actor ON audit_event (organisation_id, actor, at);
CREATE INDEX audit_event_subject ON audit_event (organisation_id, subject, at);

CREATE TABLE audit_seal (
    organisation_id uuid NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    event_id uuid NOT NULL,
    at timestamptz NOT NULL,
    leaf bytea NOT NULL CHECK (octet_length(leaf) = 32),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    PRIMARY KEY (organisation_id, seq, at)
) PARTITION BY RANGE (at);
CREATE UNIQUE INDEX audit_seal_event ON audit_seal (organisation_id, event_id, at);

CREATE TABLE audit_mention (
    organisation_id uuid NOT NULL,
    resident_id uuid NOT NULL,
    at timestamptz NOT NULL,
    event_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, resident_id, at, event_id)
) PARTITION BY RANGE (at);

CREATE TABLE audit_head (
    organisation_id uuid PRIMARY KEY,
    seq bigint NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32)
) WITH (fillfactor = 50);
"""

PARTITIONS = """
CREATE FUNCTION audit_make_partitions(months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Makes the monthly partitions from this month to `months` ahead that are not there yet; returns how many it made.
DECLARE
    parent text; first date; name text; made integer := 0;
BEGIN
    FOR first IN SELECT generate_series(date_trunc('month', now())::date, (date_trunc('month', now()) + make_interval(months => least(months, 24)))::date, '1 month')::date LOOP
        FOREACH parent IN ARRAY ARRAY['audit_event', 'audit_seal', 'audit_mention'] LOOP
            name := parent || '_' || to_char(first, 'YYYY_MM');
            IF to_regclass(name) IS NULL THEN
                BEGIN
                    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', name, parent,
                        first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
                EXCEPTION WHEN check_violation THEN
                    -- A clock ran ahead and the default partition holds entries of this month: they stay there.
                    RAISE WARNING 'No partition % is made: the default partition holds entries of its month', name;
                    CONTINUE;
                END;
                EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
                EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
"""


def first_partitions() -> str:
    """The default partitions (a clock that is wrong by years must not refuse care) and the first years' months."""
    statements = []
    for parent in ("audit_event", "audit_seal", "audit_mention"):
        statements.append(f"CREATE TABLE {parent}_other PARTITION OF {parent} DEFAULT;")
        names = [f"{parent}_other"]
        for year in range(FIRST_YEAR, LAST_YEAR + 1):
            for month in range(1, 13):
                after = f"{year + month // 12}-{month % 12 + 1:02d}-01"
                name = f"{parent}_{year}_{month:02d}"
                statements.append(
                    f"CREATE TABLE {name} PARTITION OF {parent}"
                    f" FOR VALUES FROM ('{year}-{month:02d}-01 00:00+00') TO ('{after} 00:00+00');"
                )
                names.append(name)
        for name in names:
            statements.append(
                f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY; ALTER TABLE {name} FORCE ROW LEVEL SECURITY;"
            )
            statements.append(f"ALTER TABLE {name} OWNER TO {AUDIT};")
    return "\n".join(statements)


FUNCTIONS = """
CREATE FUNCTION audit_text(value text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value IS NULL THEN int4send(-1)
        ELSE int4send(octet_length(convert_to(value, 'UTF8'))) || convert_to(value, 'UTF8') END
$$;

CREATE FUNCTION audit_uuids(items uuid[]) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT int4send(cardinality(items)) || coalesce(
        (SELECT string_agg(uuid_send(item), ''::bytea ORDER BY place) FROM unnest(items) WITH ORDINALITY AS t(item, place)), ''::bytea)
$$;

CREATE FUNCTION audit_leaf(e audit_event, seq bigint) RETURNS bytea LANGUAGE sql STABLE AS $$
    -- SHA-256(0x00 || canonical bytes, version 1): audit/canonical.py makes the same.
    SELECT sha256('\\x0001'::bytea || uuid_send(e.organisation_id) || int8send(seq) || uuid_send(e.id)
        || timestamptz_send(e.at) || audit_text(e.kind) || audit_text(e.actor) || audit_text(e.action)
        || audit_text(e.subject) || audit_text(e.device)
        || CASE WHEN e.care_home_id IS NULL THEN int4send(-1) ELSE int4send(16) || uuid_send(e.care_home_id) END
        || audit_uuids(e.residents) || e.commitment)
$$;

CREATE FUNCTION audit_noted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- At insert: remember until commit where the entry about this subject stands (a hint for audit_require_entry, which
-- looks it up and believes only the row), and index the residents it names.
BEGIN
    PERFORM set_config('audit.subjects', coalesce(current_setting('audit.subjects', true), '') || NEW.subject || '=' || NEW.id || '='
        || to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || ' ', true);
    IF cardinality(NEW.residents) > 0 THEN
        INSERT INTO audit_mention (organisation_id, resident_id, at, event_id)
        SELECT NEW.organisation_id, resident, NEW.at, NEW.id FROM unnest(NEW.residents) AS resident;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION audit_seal_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- At commit: take the organisation's head, last of all locks, and write the event's seal behind it.
DECLARE
    head audit_head; leaf bytea;
BEGIN
    SELECT * INTO head FROM audit_head WHERE organisation_id = NEW.organisation_id FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO audit_head VALUES (NEW.organisation_id, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
        SELECT * INTO head FROM audit_head WHERE organisation_id = NEW.organisation_id FOR UPDATE;
    END IF;
    leaf := audit_leaf(NEW, head.seq + 1);
    head.seq := head.seq + 1;
    head.digest := sha256(head.digest || leaf);
    INSERT INTO audit_seal (organisation_id, seq, event_id, at, leaf, digest)
    VALUES (NEW.organisation_id, head.seq, NEW.id, NEW.at, leaf, head.digest);
    UPDATE audit_head SET seq = head.seq, digest = head.digest WHERE organisation_id = NEW.organisation_id;
    RETURN NULL;
END $$;

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The ledger is append-only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION audit_require_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- At commit, on every record table: refuse a change that no entry of this transaction names. TG_ARGV[0]: the ref's kind.
DECLARE
    ref text := TG_ARGV[0] || ':' || CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END;
    hint text[] := regexp_match(current_setting('audit.subjects', true), ref || '=([0-9a-f-]{36})=([0-9TZ:.-]+) ');
BEGIN
    IF hint IS NULL OR NOT EXISTS (
        SELECT 1 FROM audit_event e
         WHERE e.id = hint[1]::uuid AND e.at = hint[2]::timestamptz AND e.subject = ref AND e.xact = pg_current_xact_id()
    ) THEN
        RAISE EXCEPTION 'A % changed and no ledger entry names it', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER audit_event_noted AFTER INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_noted();
CREATE CONSTRAINT TRIGGER audit_event_sealed AFTER INSERT ON audit_event
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_seal_event();
"""


def guards() -> str:
    """No UPDATE, DELETE or TRUNCATE, by whomever; the head alone moves, and only under the sealing function."""
    statements = []
    for table in ("audit_event", "audit_seal", "audit_mention"):
        statements.append(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refuse();"
        )
    for table in ("audit_checkpoint", "audit_verification"):
        statements.append(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refuse();"
        )
    for table in ("audit_event", "audit_seal", "audit_mention", "audit_head", "audit_checkpoint", "audit_verification"):
        statements.append(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();"
        )
    return "\n".join(statements)


def walls() -> str:
    """Row-level security, forced; the ledger's own role sees all of its tables, the application its organisation's."""
    statements = []
    rights = {
        "audit_event": f"SELECT, INSERT ({EVENT_COLUMNS})",
        "audit_seal": "SELECT",
        "audit_mention": "SELECT",
        "audit_head": "SELECT",
        "audit_checkpoint": "SELECT, INSERT",
        "audit_verification": "SELECT, INSERT",
    }
    for table, right in rights.items():
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;",
            f"CREATE POLICY {table}_tenant ON {table} TO {APP} USING (organisation_id = {TENANT}) WITH CHECK (organisation_id = {TENANT});",
            f"CREATE POLICY {table}_ledger ON {table} TO {AUDIT} USING (true) WITH CHECK (true);",
            f"REVOKE ALL ON {table} FROM PUBLIC;",
            f"GRANT {right} ON {table} TO {APP};",
            f"ALTER TABLE {table} OWNER TO {AUDIT};",
        ]
    functions = (
        "audit_text(text)", "audit_uuids(uuid[])", "audit_leaf(audit_event, bigint)", "audit_noted()", "audit_seal_event()",
        "audit_refuse()", "audit_require_entry()", "audit_make_partitions(integer)",
    )  # fmt: skip
    statements += [f"ALTER FUNCTION {function} OWNER TO {AUDIT};" for function in functions]
    statements += [
        "REVOKE ALL ON FUNCTION audit_make_partitions(integer) FROM PUBLIC;",
        f"GRANT EXECUTE ON FUNCTION audit_make_partitions(integer) TO {APP};",
    ]
    return "\n".join(statements)


def require_entry(table: str, ref_kind: str) -> str:
    """The deferred trigger that refuses a commit which changed `table` and sealed nothing about the row."""
    return (
        f"CREATE CONSTRAINT TRIGGER {table}_sealed AFTER INSERT OR UPDATE OR DELETE ON {table}"
        f" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_require_entry('{ref_kind}');"
    )
