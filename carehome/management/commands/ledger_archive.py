"""`manage.py ledger_archive`: old months leave the database for signed files."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils import timezone

import audit.services
from access.models import Directory
from access.tenancy import acting_for
from audit import archives
from audit.context import Origin, acting
from audit.errors import LedgerError

_ACTOR = "system:ledger_archive"


class Command(BaseCommand):
    help = (
        "Write every organisation's entries dated before a month into signed files, read them back, and then take the "
        "monthly partitions out of the ledger. Exit codes: 0 done, 2 could not run; nothing was taken out then."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--before", metavar="MONTH", required=True, help="the oldest month that stays, as 2026-01")
        parser.add_argument("--to", metavar="DIR", required=True, help="a folder in it per organisation")
        parser.add_argument("--keep", action="store_true", help="write the files and leave the ledger as it is")

    def handle(self, *args: Any, **options: Any) -> None:
        before = _month(options["before"])
        for row in Directory.objects.order_by("code"):
            with acting_for(row.organisation_id), acting(Origin(row.organisation_id, _ACTOR)):
                try:
                    self._archive(row, Path(options["to"]), before)
                except (LedgerError, OSError) as error:
                    raise CommandError(f"{row.code}: {error}", returncode=2) from error
        if options["keep"]:
            return
        try:
            made = archives.detach(before=before, over=_owner())
        except LedgerError as error:
            raise CommandError(str(error), returncode=2) from error
        self.stdout.write(f"{made} partitions were taken out of the ledger.")

    def _archive(self, row: Directory, folder: Path, before: datetime) -> None:
        audit.services.sign_checkpoint(row.organisation_id)
        found = archives.write_archive(row.organisation_id, folder, before=before)
        if found is None:
            return
        audit.services.append(
            organisation_id=row.organisation_id,
            actor=_ACTOR,
            action=audit.services.LedgerEvent.ARCHIVED,
            subject=f"organisation:{row.organisation_id}",
            detail={
                "first": found.first_seq,
                "last": found.last_seq,
                "file": found.file_name,
                "sha256": bytes(found.file_sha256).hex(),
            },
        )
        self.stdout.write(
            f"{row.code}: entries {found.first_seq} to {found.last_seq} are archived in {found.file_name}"
            f" (SHA-256 {bytes(found.file_sha256).hex()})."
        )


def _month(text: str) -> datetime:
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise CommandError("--before takes a month, as 2026-01.", returncode=2)
    month = datetime(int(text[:4]), int(text[5:]), 1, tzinfo=UTC)
    if month > timezone.now():
        raise CommandError("Only months that are over can be archived.", returncode=2)
    return month


def _owner() -> Any:
    if "owner" not in connections:
        raise CommandError("Set DATABASE_OWNER_URL: only the tables' owner may take months out.", returncode=2)
    return connections["owner"]
