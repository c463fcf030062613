import hashlib
import json
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.actors import Actor
from access.models import Directory
from access.tenancy import acting_for
from audit.context import Origin, acting
from audit.errors import LedgerError
from compliance.dspt import edition
from compliance.errors import ComplianceError
from compliance.packs import queries, services


class Command(BaseCommand):
    help = (
        "Make an organisation's evidence pack: the same pack as the page makes. Check it with the verify.py inside. "
        "Exit 0: written. Exit 2: not written, and nothing was left behind."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", required=True, metavar="CODE")
        parser.add_argument("--edition", required=True, metavar="KEY", help="for example 2025-26")
        parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="where the ZIP file goes")
        parser.add_argument("--json", action="store_true", help="print what was made as JSON")

    def handle(self, *, organisation: str, out: Path, json: bool, **options: Any) -> None:
        known = Directory.objects.filter(code=organisation).first()
        if known is None:
            raise CommandError(f"There is no organisation {organisation!a}.", returncode=2)
        actor = Actor.system(known.organisation_id, "packs")
        try:
            chosen = edition.published(options["edition"])
            self.stderr.write(f"Making the evidence pack of {organisation} for {chosen.key}.")
            with acting_for(actor.organisation_id), acting(Origin(actor.organisation_id, actor.ref)):
                data = services.write_pack(actor=actor, edition=chosen, requested_by="the command line")
            _write(out, data)
        except (ComplianceError, LedgerError, OSError) as error:
            raise CommandError(f"The pack was not made: {error}", returncode=2) from error
        self._tell(out, data, json)

    def _tell(self, out: Path, data: bytes, as_json: bool) -> None:
        made = {"file": str(out), "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        made |= {"fingerprint": queries.own_fingerprint()}
        if as_json:
            self.stdout.write(json.dumps(made, indent=2))
        else:
            self.stdout.write("\n".join(f"{name}: {value}" for name, value in made.items()))


def _write(out: Path, data: bytes) -> None:
    half = out.with_name(f".{out.name}.part")
    try:
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        half.replace(out)
    finally:
        half.unlink(missing_ok=True)
