"""`manage.py ledger_rotate_key`: a new signing key; what the former one signed verifies for ever."""

import json
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.models import Directory
from access.tenancy import acting_for
from audit.context import Origin, acting
from audit.errors import LedgerError
from audit.rotation import Rotation, rotating

_ACTOR = "system:ledger_rotate_key"


class Command(BaseCommand):
    help = (
        "Make a new signing key and retire the present one at a checkpoint that both sign, in every ledger. Can be run "
        "again after a crash, and then goes on. Exit codes: 0 done; 1 not every ledger could be signed, so the old key "
        "is kept until this has been run again; 2 could not run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = list(Directory.objects.order_by("code"))
        try:
            with rotating() as rotation:
                failed, sizes = self._overlap(rotation, [(row.code, row.organisation_id) for row in rows])
                if not failed:
                    rotation.finish()
        except LedgerError as error:
            raise CommandError(str(error), returncode=2) from error
        self._tell(rotation, failed, sizes, as_json=options["json"])
        if failed:
            raise CommandError("Not every ledger could be signed with both keys. Run this again.", returncode=1)

    def _overlap(
        self, rotation: Rotation, organisations: list[tuple[str, UUID]]
    ) -> tuple[dict[str, str], dict[str, int]]:
        failed: dict[str, str] = {}
        sizes: dict[str, int] = {}
        for code, organisation_id in organisations:
            with acting_for(organisation_id), acting(Origin(organisation_id, _ACTOR)):
                try:
                    sizes[code] = rotation.overlap(organisation_id, actor=_ACTOR)
                except LedgerError as error:
                    failed[code] = str(error)
                    self.stderr.write(f"{code}: {error}")
        return failed, sizes

    def _tell(self, rotation: Rotation, failed: dict[str, str], sizes: dict[str, int], *, as_json: bool) -> None:
        if as_json:
            answer = {
                "ok": not failed,
                "retired": rotation.old.fingerprint,
                "signs_now": rotation.new.fingerprint,
                "last_sizes": sizes,
                "failed": failed,
            }
            self.stdout.write(json.dumps(answer))
            return
        for code, size in sizes.items():
            self.stdout.write(f"{code}: the former key is good up to entry {size:,}.")
        self.stdout.write(f"Fingerprint of the key that signs now: {rotation.new.fingerprint}")
