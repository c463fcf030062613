from typing import Any

from django.core.management.base import CommandParser

from backups import installation, services
from backups.commanding import BackupCommand, Wrong
from backups.destinations import find_set
from backups.drill import DrillOutcome
from backups.postgres import Address


class Command(BackupCommand):
    help = (
        "Restore a set into an empty database and check the result. The database is made where there is none; the "
        "roles (carehome.embedded.roles) must exist on its server. Exit 0: restored and checked. "
        "Exit 1: the set or the result is wrong, or a newer set is known. Exit 2: could not run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("set", metavar="SET", help="a set's name at the destination, or the path of its folder")
        parser.add_argument(
            "--into", metavar="URL", required=True, help="postgresql://… as the role that shall own the tables"
        )
        parser.add_argument("--allow-older", action="store_true", help="restore although a newer set is known")
        parser.add_argument("--reason", default="", help="why; kept in the ledger that goes on from the set")

    def answer(self, **options: Any) -> dict[str, Any]:
        destination, name = find_set(options["set"], installation.destination())
        target = Address.of(options["into"])
        self.say("Checking the set, then restoring it.")
        report = services.restore_set(
            name=name,
            destination=destination,
            target=target,
            allow_older=options["allow_older"],
            reason=options["reason"],
        )
        if not report.told:
            self.say("The live database could not be reached, so its ledger holds no note of this restore.")
        if report.behind.entries and not report.live:
            self.say(
                "The ledger is longer than this set. Once the application works on the restored database, run "
                "ledger_restored for each organisation; until then no checkpoint is signed."
            )
        data = {
            "ok": report.outcome.good,
            "set": report.manifest.name,
            "covers_until": report.manifest.created_at,
            "database": target.database,
            "entries_lost": report.behind.entries,
            "ledgers_marked": {key: found.marker.entries_lost for key, found in report.marked.items()},
            **outcome_data(report.outcome),
        }
        if not report.outcome.good:
            raise Wrong("The set was restored, but what came out is not what its manifest says.", data)
        self.say("Before people sign in to it, run `manage.py erasures_replay`: who was erased since must stay erased.")
        return data


def outcome_data(outcome: DrillOutcome) -> dict[str, Any]:
    """For the operator of the whole installation."""
    return {
        "took_seconds": round(outcome.took.total_seconds(), 3),
        "count_differences": {table: f"{found} of {expected}" for table, (expected, found) in outcome.counts.items()},
        "schema_matches": outcome.schema_matches,
        "organisations": {
            organisation: {
                "rows": found.rows,
                "ledger_entries": found.entries,
                "problems": [reason for reason in (found.counts, found.ledger, found.wall, found.opening) if reason],
            }
            for organisation, found in outcome.organisations.items()
        },
    }
