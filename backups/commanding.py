"""The shape of this app's commands: data to stdout, messages to stderr, exit 0 good, 1 something is wrong, 2 could not
run."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backups.errors import BackupError, OlderSet, RestoreFailed, SetFaulty

_WRONG = (SetFaulty, OlderSet, RestoreFailed)


def is_wrong(error: BackupError) -> bool:
    """Whether the error is a finding (exit 1) rather than a reason why nothing could be found out (exit 2)."""
    return isinstance(error, _WRONG)


class BackupCommand(BaseCommand):
    """Subclasses implement `answer`, which returns what to print, and raise Wrong when that is bad news."""

    requires_system_checks: list[str] = []  # these must also run where the database is gone

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the answer as one JSON document")

    def answer(self, **options: Any) -> dict[str, Any]:
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        as_json = options.pop("json")
        try:
            self._print(self.answer(**options), as_json)
        except Wrong as wrong:
            self._print(wrong.data, as_json)
            raise CommandError(str(wrong), returncode=1) from wrong
        except BackupError as error:
            if as_json:
                self._print({"ok": False, "problem": str(error), "kind": type(error).__name__}, as_json)
            raise CommandError(str(error), returncode=1 if is_wrong(error) else 2) from error

    def say(self, message: str) -> None:
        self.stderr.write(message, self.style.NOTICE)

    def _print(self, data: dict[str, Any], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(data, indent=1, ensure_ascii=False, default=str))
            return
        for key, value in data.items():
            self.stdout.write(f"{key.replace('_', ' ')}: {_plain(value)}")


class Wrong(Exception):
    """The command ran and found something wrong: its answer, and one sentence."""

    def __init__(self, message: str, data: dict[str, Any]) -> None:
        super().__init__(message)
        self.data = data


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return "".join(f"\n  {key}: {_plain(item)}" for key, item in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(item) for item in value) or "none"
    return "none" if value in (None, "") else str(value)
