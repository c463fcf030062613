"""Names of records' ledger events."""

from enum import StrEnum


class RecordEvent(StrEnum):
    RESIDENT_ADMITTED = "records.resident.admitted"
    RESIDENTS_IMPORTED = "records.resident_list.imported"
    DAILY_NOTE_WRITTEN = "records.daily_note.written"
    DAILY_NOTE_CORRECTED = "records.daily_note.corrected"
    # Written by access.middleware.views for what a page showed:
    RESIDENT_VIEWED = "records.resident.viewed"
    RESIDENT_LIST_VIEWED = "records.resident_list.viewed"
