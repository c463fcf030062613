from records.models.daily_note import DailyNote
from records.models.erasure import Erasure
from records.models.resident import NameToken, Resident

__all__ = ["DailyNote", "Erasure", "NameToken", "Resident"]
