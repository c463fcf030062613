"""`manage.py ledger_checkpoint`: sign and anchor now."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

import audit.services
from access.models import Directory
from access.tenancy import acting_for
from audit.context import Origin, acting
from audit.errors import LedgerContradicted, LedgerError
from audit.reading import collecting

_ACTOR = "system:ledger_checkpoint"


class Command(BaseCommand):
    help = "Sign and anchor the ledger's head of every organisation, or of one. Exit codes: 0 done, 2 could not run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", metavar="CODE", help="only this organisation")
        parser.add_argument("--json", action="store_true", help="print the checkpoints as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Directory.objects.order_by("code")
        if options["organisation"]:
            rows = rows.filter(code=options["organisation"])
        if not rows:
            raise CommandError("There is no organisation with this code.", returncode=2)
        made = []
        for row in rows:
            with acting_for(row.organisation_id), acting(Origin(row.organisation_id, _ACTOR)), collecting():
                try:
                    checkpoint = audit.services.keep_checkpoint(row.organisation_id, actor=_ACTOR)
                except LedgerError as error:
                    wrong = isinstance(error, LedgerContradicted)
                    raise CommandError(f"{row.code}: {error}", returncode=1 if wrong else 2) from error
            if checkpoint is not None:
                made.append({"organisation": row.code, "size": checkpoint.size, "note": checkpoint.note})
        if options["json"]:
            self.stdout.write(json.dumps(made))
            return
        for checkpoint_row in made:
            self.stdout.write(str(checkpoint_row["note"]))
