"""An inclusion proof out of a million entries, and what a checkpoint costs against the number of new entries.

The baseline of the proofs is one read of the entry itself: what anybody pays who only looks at it. A checkpoint should
cost in proportion to its news, whatever the ledger's length: its baseline is a checkpoint over one new entry.
"""

import random
import statistics
import sys
import time
from contextlib import ExitStack

import psycopg

from bench import harness, ledgers

_AT_ONCE = 50_000
_NEWS = (1, 100, 1_000, 10_000)


def main() -> None:
    options = harness.options(__doc__)
    entries = 20_000 if options.short else 1_000_000
    with harness.installation() as folder, ExitStack() as stack:
        from access.services import create_organisation
        from access.tenancy import acting_for
        from audit import proofs, sealed
        from audit.services import sign_checkpoint
        from carehome.embedded.postgres import Cluster

        organisation = create_organisation(actor_ref="system:bench", name="Bench", code="bench")
        stack.enter_context(acting_for(organisation.pk))
        admin = psycopg.connect(Cluster(folder / "postgres").conninfo("carehome"), autocommit=True)
        stack.enter_context(admin)
        for done in range(0, entries, _AT_ONCE):
            ledgers.lengthen(admin, organisation.pk, min(_AT_ONCE, entries - done))
            harness.tell(f"{done:,} of {entries:,} entries")
        started = time.perf_counter()
        size = sign_checkpoint(organisation.pk).size  # type: ignore[union-attr]
        print(f"the first checkpoint, over {size:,} entries: {time.perf_counter() - started:.1f} s", file=sys.stderr)
        draw = random.Random(1)  # the same places each time
        hashes: list[int] = []

        def look() -> None:
            sealed.entry(organisation.pk, draw.randrange(1, size + 1))

        def prove() -> None:
            hashes.append(len(proofs.inclusion(organisation.pk, draw.randrange(1, size + 1)).hashes))

        cases = [harness.Case("the entry, read", look), harness.Case("its inclusion proof", prove)]
        results = harness.measure(cases, rounds=max(7, options.rounds), acts=options.acts)
        harness.report(f"an inclusion proof out of {size:,} entries", results, as_json=options.json)
        print(f"hashes in a proof: at most {max(hashes)}, median {statistics.median(hashes):.0f}", file=sys.stderr)
        for news in _NEWS:
            took = []
            for _round in range(7):
                ledgers.lengthen(admin, organisation.pk, news)
                started = time.perf_counter()
                sign_checkpoint(organisation.pk)
                took.append(time.perf_counter() - started)
            milliseconds = statistics.median(took) * 1000
            print(f"a checkpoint over {news:>6,} new entries: {milliseconds:8.1f} ms", file=sys.stderr)


if __name__ == "__main__":
    main()
