"""Checkpoints by mail, to somebody who keeps them: `mailto:ledger@example.org?every=60` (minutes, per organisation)."""

from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTPException
from urllib.parse import SplitResult, unquote

from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email

from audit.anchors.file import Anchored
from audit.anchors.options import number, only, words_of
from audit.errors import AnchorFailed, AnchorUnknown

_MINUTES = 60
_BODY = """\
This is a signed checkpoint of a care home's ledger, attached as it was signed. Keep it where nobody who runs the system
can reach it: with it anyone can show later that no entry up to number {size} was changed or taken away.

    manage.py ledger_verify --organisation CODE --from-checkpoint {file}
"""
_RESTORED = """\
A ledger was restored from a backup. The signed marker is attached: entries after number {size} of its former course
were lost. If nobody told you of a restore, ask at once.
"""


@dataclass(frozen=True)
class Mailbox:
    address: str
    every: timedelta

    @classmethod
    def at(cls, address: SplitResult) -> "Mailbox":
        """Raises AnchorUnknown."""
        options = words_of(address)
        only(options, {"every"})
        to = unquote(address.path)
        try:
            validate_email(to)
        except ValidationError as error:
            raise AnchorUnknown("CAREHOME_ANCHORS: an anchor by mail is written mailto:name@example.org.") from error
        return cls(to, timedelta(minutes=number(options, "every", _MINUTES, least=1)))

    @property
    def name(self) -> str:
        return f"mailto:{self.address}"

    def take(self, kept: Anchored) -> None:
        """Hand the note to the mail server. Raises AnchorFailed."""
        kind = "restored" if kept.restored else "checkpoint"
        file = f"{kept.organisation_id}-{kept.size}-{kind}.txt"
        title = "Ledger restored" if kept.restored else "Ledger checkpoint"
        message = EmailMessage(
            subject=f"{title} {kept.organisation_id}: {kept.size}",
            body=(_RESTORED if kept.restored else _BODY).format(size=kept.size, file=file),
            to=[self.address],
        )
        message.attach(file, kept.note.encode(), "application/octet-stream")  # base64: no mail program touches a byte
        try:
            message.send()
        except (SMTPException, OSError) as error:
            raise AnchorFailed("The mail server did not take the checkpoint.") from error
