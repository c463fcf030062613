"""`manage.py up`: database, broker, web server, worker and scheduler in one foreground command."""

import sys
from argparse import ArgumentParser

from django.core.management.base import BaseCommand

from carehome.embedded import supervisor


class Command(BaseCommand):
    """Lists the command in `manage.py help`.

    manage.py itself hands `up` to the supervisor before any settings are read, because on a first run there are none
    yet; a call from Python arrives here and does the same.
    """

    help = "Start database, broker, web server, worker and scheduler; Ctrl-C stops them and keeps the data."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        supervisor.add_arguments(parser)

    def handle(self, *args: object, **options: object) -> None:
        sys.exit(supervisor.main(["--port", str(options["port"]), "--demo", str(options["demo"])]))
