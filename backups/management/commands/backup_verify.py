from typing import Any

from django.core.management.base import CommandParser

from backups import installation, knowledge, sets
from backups.commanding import BackupCommand
from backups.destinations import find_set


class Command(BackupCommand):
    help = (
        "Check a set's signature, manifest and data without restoring it; needs no private key unless --open is given. "
        "Exit 0: good. Exit 1: something is wrong, and is named. Exit 2: could not be checked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("set", metavar="SET", help="a set's name at the destination, or the path of its folder")
        parser.add_argument("--open", action="store_true", help="also decrypt and expand all of it, into nothing")

    def answer(self, **options: Any) -> dict[str, Any]:
        destination, name = find_set(options["set"], installation.destination())
        manifest = sets.read_manifest(destination, name, installation.public_keys())
        self.say(f"The signature holds. Reading {manifest.size:,} bytes.")
        sets.check_data(destination, manifest)
        if options["open"]:
            self.say("The data is unchanged. Decrypting it.")
            sets.check_opening(destination, manifest, installation.identities())
        behind = knowledge.behind_anchors(manifest)
        return {
            "ok": True,
            "set": manifest.name,
            "id": str(manifest.id),
            "covers_until": manifest.created_at,
            "bytes": manifest.size,
            "rows": sum(manifest.tables.values()),
            "organisations": len(manifest.organisations),
            "postgresql": manifest.postgresql,
            "opened": bool(options["open"]),
            "newer_sets": list(knowledge.newer_than(manifest, destination)),
            "entries_behind_the_newest_checkpoint": behind.entries,
        }
