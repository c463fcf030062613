"""`manage.py erasures_replay`: after a restore, erase again whom the backup brought back."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.actors import Actor
from access.models import Directory
from access.tenancy import acting_for
from audit.context import Origin, acting
from audit.reading import collecting
from records import services


class Command(BaseCommand):
    help = (
        "Run it after a restore, before people sign in again: residents on the list of erasures (kept beside the "
        "anchors) who are on record again are erased again. Exit codes: 0 done; 2 the list cannot be read, or there is "
        "no such organisation."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", metavar="CODE", help="only this organisation")
        parser.add_argument("--json", action="store_true", help="print the erased residents' ids as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Directory.objects.order_by("code")
        if options["organisation"]:
            rows = rows.filter(code=options["organisation"])
            if not rows:
                raise CommandError("There is no organisation with this code.", returncode=2)
        results = {row.code: self._replay(row) for row in rows}
        if options["json"]:
            self.stdout.write(json.dumps(results))

    def _replay(self, row: Directory) -> list[str]:
        actor = Actor.system(row.organisation_id, "erasures_replay")
        with acting_for(row.organisation_id), acting(Origin(row.organisation_id, actor.ref)), collecting():
            try:
                erased = services.replay_erasures(actor=actor)
            except (OSError, ValueError, KeyError) as error:
                raise CommandError(f"The list of erasures of {row.code} cannot be read.", returncode=2) from error
        self.stderr.write(f"{row.code}: {len(erased)} erased again.")
        return [str(resident_id) for resident_id in erased]
