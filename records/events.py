"""Names of records' ledger events."""

from enum import StrEnum


class RecordEvent(StrEnum):
    RESIDENT_ADMITTED = "records.resident.admitted"
    RESIDENTS_IMPORTED = "records.resident_list.imported"
    RESIDENT_ERASED = "records.resident.erased"  # the ledger's erasing function looks for this name
    DAILY_NOTE_WRITTEN = "records.daily_note.written"
    DAILY_NOTE_CORRECTED = "records.daily_note.corrected"
    RESIDENTS_SEARCHED = "records.resident_list.searched"
    # Written by access.middleware.views for what a page showed:
    RESIDENT_VIEWED = "records.resident.viewed"
    RESIDENT_LIST_VIEWED = "records.resident_list.viewed"
