from records.models.daily_note import DailyNote
from records.models.resident import NameToken, Resident

__all__ = ["DailyNote", "NameToken", "Resident"]
