from records.services.daily_notes import correct_daily_note, write_daily_note
from records.services.residents import admit_resident, import_residents

__all__ = ["admit_resident", "correct_daily_note", "import_residents", "write_daily_note"]
