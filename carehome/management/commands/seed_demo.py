"""`manage.py seed_demo`: demonstration data, once."""

import json
import os
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from access.models import Directory
from carehome.demo.seed import seed


class Command(BaseCommand):
    help = (
        "Make demonstration organisations with homes, people of every role, residents and notes; prints the accounts. "
        "Exit codes: 0 made, 2 an organisation is there already."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisations", type=int, default=2)
        parser.add_argument("--homes", type=int, default=2)
        parser.add_argument("--residents", type=int, default=12, help="in each home")
        parser.add_argument("--days", type=int, default=30, help="of notes")
        parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same people")
        parser.add_argument("--json", action="store_true", help="print the accounts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if Directory.objects.exists():
            raise CommandError(
                "There are organisations already; the demonstration is made on an empty database.", returncode=2
            )
        with transaction.atomic():  # an interrupted start leaves nothing half made
            accounts = seed(
                organisations=options["organisations"],
                homes=options["homes"],
                residents=options["residents"],
                days=options["days"],
                seed_number=options["seed"],
                tell=lambda line: self.stderr.write(line),
            )
        rows = [asdict(account) for account in accounts]
        self._keep(json.dumps(rows, indent=1))
        if options["json"]:
            self.stdout.write(json.dumps(rows))
            return
        for row in rows:
            self.stdout.write("  ".join([row["organisation"], row["role"], row["email"], row["password"], row["pin"]]))

    def _keep(self, text: str) -> None:
        """The accounts beside the data, for their owner only, so that a later start can print them again."""
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        path = settings.VAR_DIR / "demo_accounts.json"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
