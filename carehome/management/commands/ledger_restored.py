"""`manage.py ledger_restored`: say that a ledger goes on from an older state, because a backup was restored."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.models import Directory
from access.tenancy import acting_for
from audit.context import Origin, acting
from audit.errors import LedgerError, NothingRestored
from audit.restores import MarkedRestore, mark_restored

_ACTOR = "system:ledger_restored"


class Command(BaseCommand):
    help = (
        "Mark that an organisation's ledger goes on from an older state after a restore: a signed marker among the "
        "anchors and an entry in the ledger. It stays visible for ever. Exit codes: 0 marked; 1 there is nothing to "
        "mark; 2 could not run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", metavar="CODE", required=True)
        parser.add_argument("--reason", required=True, help="why it was restored; kept in the ledger")
        parser.add_argument("--set", metavar="SET", default="", help="the backup set's name")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        row = Directory.objects.filter(code=options["organisation"]).first()
        if row is None:
            raise CommandError("There is no organisation with this code.", returncode=2)
        if not options["reason"].strip():
            raise CommandError("Say why it was restored.", returncode=2)
        with acting_for(row.organisation_id), acting(Origin(row.organisation_id, _ACTOR)):
            try:
                marked = mark_restored(
                    organisation_id=row.organisation_id,
                    actor=_ACTOR,
                    reason=options["reason"].strip(),
                    set_name=options["set"],
                )
            except NothingRestored as error:
                raise CommandError(str(error), returncode=1) from error
            except LedgerError as error:
                raise CommandError(str(error), returncode=2) from error
        self._tell(row.code, marked, as_json=options["json"])

    def _tell(self, code: str, marked: MarkedRestore, *, as_json: bool) -> None:
        marker = marked.marker
        for destination in marked.silent:
            self.stderr.write(f"{destination} did not take the marker. It is shown as failing until it takes one.")
        if as_json:
            answer = {
                "organisation": code,
                "continues": marker.continues,
                "lost_until": marker.lost_until,
                "entries_lost": marker.entries_lost,
            }
            self.stdout.write(json.dumps(answer))
            return
        self.stdout.write(
            f"{code}: the ledger goes on after entry {marker.continues:,}; "
            f"at most {marker.entries_lost:,} entries of its former course were lost."
        )
