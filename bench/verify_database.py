"""Verifying a ledger inside the database, against a bare SHA-256 loop in Python over the very same bytes.

The loop holds every message in memory and hashes three for an entry: its bytes, its link, its details. Verification
reads the entries too, holds every page against its seals in the server, and makes the Merkle root. "Opened": every
entry's details are decrypted as well, as the nightly run does it. "Entry by entry": the walk in Python, which is taken
from the first page on in which something is wrong.
"""

import hashlib
import sys
from collections.abc import Callable
from contextlib import ExitStack
from unittest import mock

import psycopg

from bench import harness, ledgers


def main() -> None:
    options = harness.options(__doc__)
    entries = 10_000 if options.short else 50_000
    with harness.installation() as folder, ExitStack() as stack:
        from access.services import create_organisation
        from access.tenancy import acting_for
        from audit.services import sign_checkpoint
        from audit.verification import verify_connection
        from carehome.embedded.postgres import Cluster

        organisation = create_organisation(actor_ref="system:bench", name="Bench", code="bench")
        stack.enter_context(acting_for(organisation.pk))
        admin = psycopg.connect(Cluster(folder / "postgres").conninfo("carehome"), autocommit=True)
        stack.enter_context(admin)
        hashed = ledgers.lengthen(admin, organisation.pk, entries)
        sign_checkpoint(organisation.pk)

        def raw() -> None:
            sha256 = hashlib.sha256
            for message in hashed:
                sha256(message).digest()

        def verified(*, opening: bool, pages: bool = True) -> Callable[[], None]:
            def act() -> None:
                from django.db import connection

                with mock.patch("audit.whole_pages.is_safe", return_value=pages):
                    result = verify_connection(connection, organisation.pk, opening=opening)
                if not result.ok:
                    sys.exit(f"The ledger does not verify: {result.broken}")

            return act

        cases = [
            harness.Case("bare SHA-256 loop", raw),
            harness.Case("verified by pages", verified(opening=False)),
            harness.Case("verified by pages, opened", verified(opening=True)),
            harness.Case("entry by entry", verified(opening=False, pages=False)),
            harness.Case("entry by entry, opened", verified(opening=True, pages=False)),
        ]
        results = harness.measure(cases, rounds=7, acts=1, warm_up=1)
    harness.report(f"verifying {entries:,} entries in the database", results, as_json=options.json)
    for result in results[1:]:
        speed = entries / result.milliseconds * 1000
        print(f"{result.name}: {1 / result.ratio:.2f} of the bare loop, {speed:,.0f} entries/s", file=sys.stderr)


if __name__ == "__main__":
    main()
