"""What the record refuses, and what the caller does next. No name or note goes into a message."""


class RecordError(Exception):
    """The root error of records."""


class NoteInFuture(RecordError):
    """The care would lie in the future. Correct the time."""


class BadText(RecordError):
    """The text is empty, too long, or has characters that cannot be kept. The message says which, for people."""


class AlreadyCorrected(RecordError):
    """Somebody corrected this note meanwhile. Open the note as it is now and correct that one."""


class ImportRefused(RecordError):
    """Rows of the file cannot be taken in; nothing was. `problems` names each by line and column."""

    def __init__(self, problems: list["object"]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems
