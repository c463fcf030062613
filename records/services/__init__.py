from records.services.daily_notes import correct_daily_note, write_daily_note
from records.services.erasure import backups_until, erase_resident, keep_erasure_list, replay_erasures
from records.services.residents import admit_resident, import_residents
from records.services.searches import record_search

__all__ = [
    "admit_resident",
    "backups_until",
    "correct_daily_note",
    "erase_resident",
    "import_residents",
    "keep_erasure_list",
    "record_search",
    "replay_erasures",
    "write_daily_note",
]
