"""`manage.py ledger_segments`: the ledger's closed days as signed files, chained to one another."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

import audit.services
from access.models import Directory
from access.tenancy import acting_for
from audit.errors import LedgerError
from audit.segments import write_segments


class Command(BaseCommand):
    help = (
        "Write a signed file for each closed day (UTC) of every organisation's ledger, or of one, that has none yet. "
        "Exit codes: 0 done, 2 could not run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", metavar="CODE", help="only this organisation")
        parser.add_argument("--to", metavar="DIR", required=True, help="a folder in it per organisation")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Directory.objects.order_by("code")
        if options["organisation"]:
            rows = rows.filter(code=options["organisation"])
        if not rows:
            raise CommandError("There is no organisation with this code.", returncode=2)
        for row in rows:
            with acting_for(row.organisation_id):
                try:
                    audit.services.sign_checkpoint(row.organisation_id)
                    written = write_segments(row.organisation_id, Path(options["to"]), today=datetime.now(UTC).date())
                except (LedgerError, OSError) as error:
                    raise CommandError(f"{row.code}: {error}", returncode=2) from error
            for whole in written:
                self.stdout.write(f"{row.code}: {whole.path.name}, entries {whole.first} to {whole.last}.")
