"""What the record refuses, and what the caller does next. No name or note goes into a message."""


class RecordError(Exception):
    """The root error of records."""


class NoteInFuture(RecordError):
    """The care would lie in the future. Correct the time."""


class BadText(RecordError):
    """The text is empty, too long, or has characters that cannot be kept. The message says which, for people."""


class AlreadyCorrected(RecordError):
    """Somebody corrected this note meanwhile. Open the note as it is now and correct that one."""


class AlreadyErased(RecordError):
    """The record was erased meanwhile, or is not there. Show the certificate."""


class NotLawful(RecordError):
    """Nobody has said that the law allows the erasure. Ask for that first."""


class WrongName(RecordError):
    """The name typed is not the resident's. Ask again."""


class ImportRefused(RecordError):
    """Rows of the file cannot be taken in; nothing was. `problems` names each by line and column."""

    def __init__(self, problems: list["object"]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems
