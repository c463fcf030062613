"""An encrypted backup against pg_dump alone, and the restore drill against the backup; with size and memory.

Half of each row is ciphertext, half English, as in a house whose text is encrypted and whose times are not. All write
to one disk. One act is one whole backup, so there are fewer of them than in other benchmarks.
"""

import os
import random
import resource
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from bench import harness

ROWS = 150_000
WORDS = (
    "The resident settled well, ate breakfast, was offered fluids; skin intact, mobilised with frame, family visited, "
    "blood pressure recorded, medication given, comfortable overnight, refused lunch, doctor informed."
)
_VOCABULARY = WORDS.split(" ")
TENANTS = [UUID(int=number) for number in range(1, 11)]


def fill(rows: int) -> None:
    """A table of notes with the tenancy wall, filled as the owner before the wall stands."""
    chance = random.Random(3)
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as connection:
        connection.execute(
            "CREATE TABLE bench_note (id uuid PRIMARY KEY, organisation_id uuid NOT NULL, at timestamptz NOT NULL,"
            " sealed bytea NOT NULL, plain text NOT NULL); CREATE INDEX ON bench_note (organisation_id, at)"
        )
        with connection.cursor() as cursor, cursor.copy("COPY bench_note FROM STDIN") as copy:
            for number in range(rows):
                text = " ".join(chance.choices(_VOCABULARY, k=40))
                copy.write_row((uuid4(), TENANTS[number % 10], "2026-11-23 01:30Z", chance.randbytes(300), text))
        connection.execute(
            "ALTER TABLE bench_note ENABLE ROW LEVEL SECURITY; ALTER TABLE bench_note FORCE ROW LEVEL SECURITY;"
            " CREATE POLICY bench_note_tenant ON bench_note USING (organisation_id ="
            " NULLIF(current_setting('app.organisation', true), '')::uuid); GRANT SELECT ON bench_note TO carehome_app"
        )


def pg_dump(folder: Path, *options: str) -> None:
    from backups import installation
    from backups.postgres import program

    arguments, environment = installation.reader().child()
    command = [program("pg_dump", 18), "--format=custom", *options, f"--file={folder / 'plain.pgdump'}", *arguments]
    subprocess.run(command, env=environment, check=True)
    _flush(folder / "plain.pgdump")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def encrypted(folder: Path) -> int:
    """Make a set; returns its size."""
    from backups import installation
    from backups.destinations import DirectoryDestination
    from backups.sets import make_set

    destination = DirectoryDestination(folder / "sets")
    made = make_set(
        id=uuid4(),
        database=installation.reader(),
        destination=destination,
        recipients=installation.recipients(),
        signer=installation.signing_key(),
    )
    for name in destination.names()[:-1]:
        destination.remove(name)
    return made.manifest.size


def drill(folder: Path) -> None:
    from backups import installation
    from backups.destinations import DirectoryDestination
    from backups.drill import run_drill
    from backups.sets import known_sets

    destination = DirectoryDestination(folder / "sets")
    outcome = run_drill(
        destination=destination,
        manifest=known_sets(destination, installation.public_keys()).manifests[-1],
        identities=installation.identities(),
        roles=installation.roles(),
        anchored=lambda organisation_id: [],
        opens_records=lambda connection, organisation_id: "",
    )
    if not outcome.good:
        raise SystemExit("The drill found something wrong, so its time means nothing.")


def main() -> None:
    options = harness.options(__doc__)
    with harness.installation() as folder:
        fill(ROWS)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        cases = [
            harness.Case("pg_dump, its default compression", lambda: pg_dump(folder)),
            harness.Case("pg_dump, uncompressed", lambda: pg_dump(folder, "--compress=0")),
            harness.Case("encrypted backup with manifest", lambda: encrypted(folder)),
            harness.Case("restore drill of that backup", lambda: drill(folder)),
        ]
        size = encrypted(folder)
        results = harness.measure(cases, rounds=min(options.rounds, 5), acts=1, warm_up=0)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        pg_dump(folder)
        default = (folder / "plain.pgdump").stat().st_size
    harness.report("Encrypted backup", results, as_json=options.json)
    print(
        f"size {size / default:.2f} of pg_dump's default; peak memory of this process {after} MB ({before} MB before)",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
