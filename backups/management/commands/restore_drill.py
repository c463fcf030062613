from typing import Any

from django.core.management.base import CommandParser

from backups import installation, services
from backups.commanding import BackupCommand, Wrong, is_wrong
from backups.destinations import find_set
from backups.management.commands.restore import outcome_data


class Command(BackupCommand):
    help = (
        "Restore a set into a scratch database, check rows, ledgers, tenancy wall and decryption, and drop it again. "
        "Exit 0: the drill passed. Exit 1: it found something wrong, and names it. Exit 2: it could not run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--set", metavar="SET", help="a set's name or the path of its folder (the newest set)")

    def answer(self, **options: Any) -> dict[str, Any]:
        destination, name = installation.destination(), None
        if options["set"]:
            destination, name = find_set(options["set"], destination)
        self.say("Running a restore drill.")
        report = services.run_drill(name=name, destination=destination)
        data: dict[str, Any] = {"ok": report.good, "run": str(report.run_id), "set": report.set_name}
        if report.failure is not None:
            if not is_wrong(report.failure):
                raise report.failure
            raise Wrong(report.error, {**data, "problem": report.error, "kind": type(report.failure).__name__})
        if report.newer:
            self.say(f"This set is older than the newest set known, {report.newer[-1]}.")
        data |= {"newer_sets": list(report.newer), **(outcome_data(report.outcome) if report.outcome else {})}
        if not report.good:
            raise Wrong("The drill restored the set and found something wrong.", data)
        return data
