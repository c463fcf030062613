"""`manage.py api_token`: a program's key to act as one person."""

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from access.actors import Actor
from access.backends import email_index
from access.models import Directory, Staff
from access.services import make_token
from access.tenancy import acting_for


class Command(BaseCommand):
    help = "Make an API token for a person; it is shown once. Exit codes: 0 made, 2 no such organisation or person."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", metavar="CODE", required=True)
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", required=True, help="what the token is for")
        parser.add_argument("--days", type=int, default=90, help="how long it lasts, 1 to 365")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        row = Directory.objects.filter(code=options["organisation"]).first()
        if row is None or not 1 <= options["days"] <= 365:
            raise CommandError("Give an organisation's code that exists, and 1 to 365 days.", returncode=2)
        with acting_for(row.organisation_id):
            index = email_index(row.organisation_id, options["email"])
            staff = Staff.objects.filter(organisation_id=row.organisation_id, email_index=index).first()
            if staff is None:
                raise CommandError("Nobody of this organisation has this email.", returncode=2)
            _row, token = make_token(
                actor=Actor.system(row.organisation_id, "api_token"),
                staff=staff,
                name=options["name"],
                expires_at=timezone.now() + timedelta(days=options["days"]),
            )
        self.stdout.write(json.dumps({"token": token}) if options["json"] else token)
