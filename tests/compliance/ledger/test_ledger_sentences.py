"""An entry in plain English."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from compliance.ledger.sentences import ACTIONS, Said, plain, sentence

JO, ADA, IRIS = UUID(int=1), UUID(int=2), UUID(int=3)
TABLET, HOME = UUID(int=4), UUID(int=5)
NAMES = {
    f"staff:{JO}": "Jo Mensah",
    f"resident:{ADA}": "Ada Brown",
    f"resident:{IRIS}": "Iris Hollis",
    f"device:{TABLET}": "Oak tablet 2",
    f"care_home:{HOME}": "Rosebank House",
}
AT = datetime(2026, 5, 12, 13, 5, tzinfo=UTC)


def said(**values):
    defaults = {
        "action": "records.resident.viewed", "actor": f"staff:{JO}", "subject": f"resident:{ADA}",
        "device": f"device:{TABLET}", "care_home_id": HOME, "residents": [ADA], "at": AT,
    }  # fmt: skip
    return Said(**defaults | values)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"page": "records:daily_notes", "count": 3},
            "Jo Mensah opened Ada Brown's daily notes on Oak tablet 2 at 14:05, 3 times",
        ),
        ({"device": None}, "Jo Mensah opened Ada Brown's record at 14:05"),
        ({"residents": [IRIS]}, "Jo Mensah opened Iris Hollis' record on Oak tablet 2 at 14:05"),
        (
            {"action": "records.resident_list.viewed", "residents": [UUID(int=n) for n in range(9)]},
            "Jo Mensah opened a list of 9 residents on Oak tablet 2 at 14:05",
        ),
        (
            {"action": "access.role.given", "subject": f"staff:{JO}", "device": None, "actor": "staff:gone"},
            "A person no longer on record gave Jo Mensah a role in Rosebank House at 14:05",
        ),
        (
            {"action": "backups.backup.made", "actor": "system:backups", "device": None},
            "The system (backups) made a backup at 14:05",
        ),
        (
            {"action": "compliance.ledger.viewed", "residents": [ADA, IRIS], "device": None},
            "Jo Mensah opened what the audit log says about Ada Brown and Iris Hollis at 14:05",
        ),
    ],
)
def test_sentence_says_who_did_what_to_whom_where_and_when(values, text):
    assert sentence(said(**values), NAMES).text == text


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_action_makes_a_sentence_without_a_gap(action):
    text = sentence(said(action=action), NAMES).text

    assert text.startswith("Jo Mensah ")
    assert "{" not in text
    assert "  " not in text


def test_sentence_of_an_unknown_action_says_that_it_is_unknown():
    text = sentence(said(action="records.teleport.done", device=None), NAMES).text

    assert text == "Jo Mensah did something this version does not know: records.teleport.done at 14:05"


def test_sentence_shows_what_would_turn_it_round():
    names = NAMES | {f"staff:{JO}": "Jo\u202eneM\u0007\nsah"}

    assert sentence(said(device=None), names).who == "Jo‹U+202E›neM‹U+0007› sah"


def test_plain_keeps_accents_and_the_lines_of_longer_texts():
    assert plain("Ŵyn O’Neill 王") == "Ŵyn O’Neill 王"
    assert plain("one\ntwo", lines=True) == "one\ntwo"
    assert plain("one\ntwo") == "one two"


def test_sentence_of_a_summer_and_a_winter_day_is_in_londons_time():
    winter = datetime(2026, 1, 12, 13, 5, tzinfo=UTC)

    assert sentence(said(), NAMES).when == " at 14:05"
    assert sentence(said(at=winter), NAMES).when == " at 13:05"
