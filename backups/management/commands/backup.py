from typing import Any

from django.core.management.base import CommandParser

from backups import services
from backups.commanding import BackupCommand
from backups.destinations import destination_at


class Command(BackupCommand):
    help = (
        "Make an encrypted backup of the whole database: a folder with the data, a manifest and its signature. "
        "Exit 0: made. Exit 2: not made, and nothing was left behind."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--to", metavar="DEST", help="a folder or file:///… (the installation's own destination)")

    def answer(self, **options: Any) -> dict[str, Any]:
        destination = destination_at(options["to"]) if options["to"] else None
        self.say("Making a backup.")
        run = services.make_backup(destination=destination)
        took = run.took.total_seconds() if run.took else None
        return {
            "ok": True,
            "set": run.set_name,
            "destination": run.destination,
            "id": str(run.pk),
            "covers_until": run.covers_until,
            "bytes": run.size,
            "sha256": run.sha256,
            "took_seconds": took,
        }
