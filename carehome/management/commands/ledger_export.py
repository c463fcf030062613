"""`manage.py ledger_export`: an extract of one organisation's ledger that proves each of its entries."""

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser

import audit.services
from access.models import Directory
from access.tenancy import acting_for
from audit.context import Origin, acting
from audit.errors import LedgerError
from audit.extracts import Selection, Written, write_extract

_ACTOR = "system:ledger_export"
_LONDON = ZoneInfo("Europe/London")


class Command(BaseCommand):
    help = (
        "Write chosen entries of an organisation's ledger into a ZIP file that proves each of them and shows only "
        "hashes of the others; it holds the program that checks it. Exit codes: 0 done, 2 could not run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", metavar="CODE", required=True)
        parser.add_argument("--to", metavar="FILE", required=True, help="the ZIP file to write")
        parser.add_argument("--resident", type=UUID, metavar="ID", help="entries that name this resident")
        parser.add_argument("--actor", metavar="REF", help="what this person did, such as staff:ID")
        parser.add_argument("--device", metavar="REF", help="what was done on this device")
        parser.add_argument("--since", type=_day, metavar="DAY", help="from this day on (Europe/London), as 2026-05-01")
        parser.add_argument("--until", type=_day, metavar="DAY", help="up to and with this day")
        parser.add_argument("--entries", metavar="NUMBERS", help="exactly these, as 3,17-20")
        parser.add_argument("--details", action="store_true", help="with the encrypted details")
        parser.add_argument("--open", action="store_true", help="with the details in clear, too")

    def handle(self, *args: Any, **options: Any) -> None:
        row = Directory.objects.filter(code=options["organisation"]).first()
        if row is None:
            raise CommandError("There is no organisation with this code.", returncode=2)
        path = Path(options["to"])
        selection = _selection(options)
        with acting_for(row.organisation_id), acting(Origin(row.organisation_id, _ACTOR)):
            try:
                audit.services.sign_checkpoint(row.organisation_id)
                with path.open("xb") as stream:
                    written = write_extract(
                        row.organisation_id,
                        selection,
                        to=stream,
                        with_details=options["details"],
                        opened=options["open"],
                    )
                _seal(row.organisation_id, selection, written, opened=options["open"])
            except FileExistsError as error:
                raise CommandError(f"{path} exists already.", returncode=2) from error
            except (LedgerError, OSError) as error:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                raise CommandError(str(error), returncode=2) from error
        self.stdout.write(f"{path}: {written.entries} of {written.checkpoint} entries.")


def _seal(organisation_id: UUID, selection: Selection, written: Written, *, opened: bool) -> None:
    """Taking a part of the ledger away is an act, too. A resident's extract is an entry of that resident."""
    audit.services.append(
        organisation_id=organisation_id,
        actor=_ACTOR,
        action=audit.services.LedgerEvent.EXTRACTED,
        subject=f"organisation:{organisation_id}",
        residents=[selection.resident] if selection.resident else [],
        detail={
            "entries": written.entries,
            "checkpoint": written.checkpoint,
            "sha256": written.sha256.hex(),
            "opened": opened,
        },
    )


def _selection(options: dict[str, Any]) -> Selection:
    until = options["until"]
    return Selection(
        seqs=_numbers(options["entries"]) if options["entries"] else None,
        resident=options["resident"],
        actor=options["actor"],
        device=options["device"],
        since=options["since"],
        until=until + timedelta(days=1) if until else None,
    )


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=_LONDON)


def _numbers(text: str) -> list[int]:
    try:
        ranges = [part.partition("-") for part in text.split(",")]
        pairs = [(int(first), int(last) if dash else int(first)) for first, dash, last in ranges]
    except ValueError as error:
        raise CommandError("--entries takes numbers and ranges, as 3,17-20.", returncode=2) from error
    if any(last - first > 1_000_000 for first, last in pairs):
        raise CommandError("--entries takes ranges of a million entries at most.", returncode=2)
    return [seq for first, last in pairs for seq in range(first, last + 1)]
