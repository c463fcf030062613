"""A sealed write against an unaudited one, in SQL: a note and its entry, sealed at commit, against the note alone.

pgbench drives it as the application's role, each transaction behind the tenancy wall in both cases; client and server
share this machine's cores, so the client's own work makes every ratio look smaller than the server alone would. Then
the hostile probe: writers that touch a row and the ledger in opposite orders, of whom none may meet a deadlock.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench import harness
from carehome.embedded.postgres import program

ORGANISATIONS = 100
SECONDS = 2
_TABLES = """
CREATE TABLE bench_note (id uuid PRIMARY KEY, organisation_id uuid NOT NULL, resident_id uuid NOT NULL,
    body bytea NOT NULL, occurred_at timestamptz NOT NULL, written_by varchar(100) NOT NULL);
CREATE INDEX ON bench_note (organisation_id, resident_id, occurred_at DESC);
CREATE TABLE bench_row (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0);
INSERT INTO bench_row SELECT generate_series(1, 3);
ALTER TABLE bench_note ENABLE ROW LEVEL SECURITY; ALTER TABLE bench_note FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON bench_note USING (organisation_id = NULLIF(current_setting('app.organisation', true), '')::uuid)
    WITH CHECK (organisation_id = NULLIF(current_setting('app.organisation', true), '')::uuid);
GRANT SELECT, INSERT ON bench_note TO carehome_app; GRANT SELECT, UPDATE ON bench_row TO carehome_app;
"""
_REQUIRED = """
CREATE TABLE bench_record (LIKE bench_note INCLUDING ALL);
ALTER TABLE bench_record ENABLE ROW LEVEL SECURITY; ALTER TABLE bench_record FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON bench_record USING (organisation_id = NULLIF(current_setting('app.organisation', true), '')::uuid)
    WITH CHECK (organisation_id = NULLIF(current_setting('app.organisation', true), '')::uuid);
GRANT SELECT, INSERT ON bench_record TO carehome_app;
"""
# pgbench takes every :name for a variable, in quoted text too: \\003a is the colon of a ref.
_BEGIN = """
\\set o random(1, {organisations})
\\set r random(1, 40)
BEGIN;
SELECT set_config('app.organisation', '00000000-0000-7000-8000-' || lpad(:o::text, 12, '0'), true) AS org,
       uuidv7() AS note, ('00000000-0000-7000-9000-' || lpad(:r::text, 12, '0'))::uuid AS resident \\gset
"""
_NOTE = """
INSERT INTO {table} VALUES (:note, :org, :resident, decode(repeat('cd', 300), 'hex'), now(), U&'staff\\003asomebody');
"""
_EVENT = """
INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, care_home_id, residents, commitment,
    salt, detail)
VALUES (uuidv7(), :org, now(), 'change', U&'staff\\003asomebody', 'records.daily_note.written',
        U&'daily_note\\003a' || :note::text, '01890a5d-ac96-7000-8000-00000000000d', ARRAY[:resident::uuid],
        decode(repeat('ab', 32), 'hex'), decode(repeat('ab', 32), 'hex'), decode(repeat('ab', 200), 'hex'));
"""
_TOUCH = """
\\set n random(1, 3)
UPDATE bench_row SET n = n + 1 WHERE id = :n;
"""


def _scripts(folder: Path, organisations: int) -> dict[str, Path]:
    begin = _BEGIN.format(organisations=organisations)
    texts = {
        "the note alone": begin + _NOTE.format(table="bench_note"),
        "with its entry, sealed": begin + _NOTE.format(table="bench_note") + _EVENT,
        "and the table refuses a change without": begin + _NOTE.format(table="bench_record") + _EVENT,
        "row first": begin + _TOUCH + _EVENT,
        "ledger first": begin + _EVENT + _TOUCH,
    }
    scripts = {}
    for number, (name, text) in enumerate(texts.items()):
        scripts[name] = folder / f"pgbench-{organisations}-{number}.sql"
        scripts[name].write_text(text + "COMMIT;\n")
    return scripts


def pgbench(*scripts: Path, clients: int, seconds: int) -> str:
    parameters = conninfo_to_dict(os.environ["DATABASE_URL"])
    environment = os.environ | {
        "PGHOST": str(parameters["host"]),
        "PGUSER": str(parameters["user"]),
        "PGPASSWORD": str(parameters["password"]),
        "PGDATABASE": str(parameters["dbname"]),
    }
    command = [str(program("pgbench")), "--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=2"]
    command += [f"--time={seconds}", *(f"--file={script}" for script in scripts)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"pgbench failed:\n{done.stderr}")
    return done.stdout


def _number(pattern: str, output: str) -> float:
    found = re.search(pattern, output, re.MULTILINE)
    if found is None:
        raise SystemExit(f"pgbench said nothing of {pattern}:\n{output}")
    return float(found[1])


def seconds_each(script: Path, clients: int, seconds: int) -> float:
    """Seconds for one transaction of all clients together."""
    return 1 / _number(r"^tps = ([0-9.]+)", pgbench(script, clients=clients, seconds=seconds))


def opposite_orders(folder: Path, *, seconds: int, as_json: bool) -> None:
    scripts = _scripts(folder, 1)
    output = pgbench(scripts["row first"], scripts["ledger first"], clients=8, seconds=seconds)
    done = int(_number(r"actually processed: ([0-9]+)", output))
    failed = int(_number(r"number of failed transactions: ([0-9]+)", output))
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as connection:
        row = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    deadlocks = row[0] if row else -1
    if as_json:
        print(json.dumps({"benchmark": "opposite orders", "done": done, "failed": failed, "deadlocks": deadlocks}))
    else:
        print(f"\n8 writers in opposite orders: {done} transactions, {failed} failed, {deadlocks} deadlocks")
    if failed or deadlocks:
        sys.exit("Writers in opposite orders must never fail.")


def main() -> None:
    options = harness.options(__doc__)
    seconds = 1 if options.short else SECONDS
    with harness.installation() as folder:
        from audit.sql import require_entry

        with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as connection:
            connection.execute(_TABLES)
            connection.execute(_REQUIRED + require_entry("bench_record", "daily_note"))
        for clients, organisations in ((1, 1), (8, ORGANISATIONS), (8, 1)):
            scripts = list(_scripts(folder, organisations).items())[:3]
            turns = {name: lambda s=script, c=clients: seconds_each(s, c, seconds) for name, script in scripts}
            for turn in turns.values():
                turn()
            results = harness.measure_turns(turns, rounds=max(options.rounds, 7))
            title = f"sealed write: {clients} at once, {organisations} organisation(s)"
            harness.report(title, results, as_json=options.json)
        opposite_orders(folder, seconds=4 * seconds, as_json=options.json)


if __name__ == "__main__":
    main()
