from compliance.access_reports.services.letters import print_report
from compliance.access_reports.services.questions import answer_question, ask_why, correct_answer
from compliance.access_reports.services.settings import choose_names
from compliance.access_reports.services.shares import (
    check_code,
    find_share,
    note_opened,
    share_report,
    visitor_of,
    withdraw_share,
)

__all__ = [
    "answer_question",
    "ask_why",
    "check_code",
    "choose_names",
    "correct_answer",
    "find_share",
    "note_opened",
    "print_report",
    "share_report",
    "visitor_of",
    "withdraw_share",
]
