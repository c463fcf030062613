"""`manage.py ledger_verify`: hold ledgers against their seals, checkpoints and anchors."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.formats import date_format

import audit.services
from access.models import Directory
from access.tenancy import acting_for
from audit import anchors, notes, signing
from audit.branches import RestoreMarker
from audit.context import Origin, acting
from audit.errors import LedgerError
from audit.models import Verification
from audit.reading import collecting

_ACTOR = "system:ledger_verify"


class Command(BaseCommand):
    help = (
        "Verify every organisation's ledger, or one. Exit codes: 0 intact; 1 something is wrong, and the organisation, "
        "the first bad entry and its kind are named; 2 could not run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", metavar="CODE", help="only this organisation")
        parser.add_argument("--from-checkpoint", metavar="FILE", help="also hold it against this signed note")
        parser.add_argument("--records", action="store_true", help="also hold each record against its seal")
        parser.add_argument("--json", action="store_true", help="print the results as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        note = _read_note(options["from_checkpoint"])
        rows = Directory.objects.order_by("code")
        if options["organisation"]:
            rows = rows.filter(code=options["organisation"])
            if not rows:
                raise CommandError("There is no organisation with this code.", returncode=2)
        if note is not None and len(rows) != 1:
            raise CommandError("--from-checkpoint needs --organisation: a checkpoint is of one ledger.", returncode=2)
        results = [self._verify(row, note, records=options["records"]) for row in rows]
        if options["json"]:
            self.stdout.write(json.dumps(results))
        if not all(result["ok"] for result in results):
            raise CommandError("A ledger does not verify.", returncode=1)

    def _verify(self, row: Directory, note: str | None, *, records: bool) -> dict[str, Any]:
        organisation_id: UUID = row.organisation_id
        with acting_for(organisation_id), acting(Origin(organisation_id, _ACTOR)), collecting():
            try:
                run = audit.services.verify_ledger(
                    organisation_id=organisation_id, actor=_ACTOR, records=records, extra_notes=[note] if note else []
                )
            except LedgerError as error:
                raise CommandError(str(error), returncode=2) from error
            restores = anchors.restores(organisation_id)
        self.stderr.write(_sentence(row.code, run))
        for marker in restores:
            self.stderr.write(_restored(row.code, marker))
        return {
            "organisation": row.code,
            "ok": run.ok,
            "entries": run.entries,
            "first_bad_seq": run.first_bad_seq,
            "kind": run.break_kind,
            "record": run.bad_subject,
            "checkpoint_size": run.checkpoint_size,
            "restores": [
                {"at": marker.at.isoformat(), "continues": marker.continues, "entries_lost": marker.entries_lost}
                for marker in restores
            ],
        }


def _sentence(code: str, run: Verification) -> str:
    if run.ok:
        return f"{code}: intact, {run.entries} entries."
    where = f"entry {run.first_bad_seq}" if run.first_bad_seq else "no entry"
    record = f" ({run.bad_subject})" if run.bad_subject else ""
    return f"{code}: {run.break_kind} at {where}{record}."


def _restored(code: str, marker: RestoreMarker) -> str:
    on = date_format(timezone.localtime(marker.at), "j F Y, H:i")
    return (
        f"{code}: restored from a backup on {on}. It went on after entry {marker.continues:,}; "
        f"at most {marker.entries_lost:,} entries of its former course were lost."
    )


def _read_note(path: str | None) -> str | None:
    """The signed note in the file; refused where it is none of ours, before anything is held against it."""
    if path is None:
        return None
    try:
        note = Path(path).read_text(encoding="utf-8")
        if not any(
            notes.signed_by(note, name=key.name, public_key=key.public_key, verify=signing.verify)
            for key in signing.keyring().keys
        ):
            raise notes.NoteError("No signature by a known key holds.")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError("The checkpoint's file cannot be read.", returncode=2) from error
    except (notes.NoteError, LedgerError) as error:
        raise CommandError(f"The file holds no checkpoint signed by a known key. {error}", returncode=2) from error
    return note
