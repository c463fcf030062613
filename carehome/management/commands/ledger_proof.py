"""`manage.py ledger_proof`: prove that one entry is in the ledger, or that the ledger has only grown."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

import audit.services
from access.models import Directory
from access.tenancy import acting_for
from audit import proofs
from audit.errors import LedgerError, NotAsSealed


class Command(BaseCommand):
    help = (
        "Print an entry's proof of inclusion, or the proof that the ledger only grew since a checkpoint, in a form "
        "that `python -m audit.verify FILE` checks. Exit codes: 0 done, 2 could not run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", metavar="CODE", required=True)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--entry", type=int, metavar="SEQ", help="prove that this entry is in the ledger")
        what.add_argument(
            "--consistency", type=int, metavar="OLD", help="prove growth since the checkpoint of OLD entries"
        )
        parser.add_argument("--json", action="store_true", help="print JSON, with the entry's fields and the key")

    def handle(self, *args: Any, **options: Any) -> None:
        row = Directory.objects.filter(code=options["organisation"]).first()
        if row is None:
            raise CommandError("There is no organisation with this code.", returncode=2)
        number = options["entry"] or options["consistency"]
        if number is None or number < 1:
            raise CommandError("Entries and checkpoints are numbered from 1.", returncode=2)
        with acting_for(row.organisation_id):
            try:
                audit.services.sign_checkpoint(row.organisation_id)
                prove = proofs.inclusion if options["entry"] else proofs.consistency
                proof = prove(row.organisation_id, number)
            except LedgerError as error:
                raise CommandError(str(error), returncode=1 if isinstance(error, NotAsSealed) else 2) from error
        if not proof.from_tiles:
            self.stderr.write("The ledger's tiles were tampered with; this proof was made from the entries themselves.")
        as_text = isinstance(proof, proofs.InclusionProof) and not options["json"]
        self.stdout.write(proof.as_text() if as_text else json.dumps(proof.as_json(), indent=2))  # type: ignore[union-attr]
