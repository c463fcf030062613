from datetime import date

import pytest

from compliance.dspt import collectors, edition
from compliance.dspt.edition import EDITIONS, Level, load
from compliance.errors import BadEdition

KNOWN = collectors.names()
TEXT = (EDITIONS / "2025-26.toml").read_text(encoding="utf-8")


def test_load_reads_the_year_with_its_counts():
    loaded = load(TEXT, known=KNOWN)

    assert (loaded.key, loaded.version, loaded.deadline) == ("2025-26", 8, date(2026, 6, 30))
    assert (len(loaded.standards), len(loaded.assertions), len(loaded.mandatory)) == (10, 35, 45)
    assert sum(item.level is Level.APPROACHING for item in loaded.mandatory) == 26


def test_load_says_that_the_next_deadline_is_not_confirmed():
    loaded = load(TEXT, known=KNOWN)

    assert loaded.next.deadline == date(2027, 6, 30)
    assert loaded.next.confirmed is False


def test_load_gives_every_mandatory_item_a_collector_or_a_person():
    loaded = load(TEXT, known=KNOWN)

    assert {item.ref: item.collector for item in loaded.mandatory if item.collector} == {
        "4.2.4": "access.leavers",
        "7.3.5": "backups.restore-drills",
    }
    assert [row.collector for row in loaded.evidence] == [
        "audit.ledger-verified",
        "compliance.access-by-role",
        "access.failed-sign-ins",
        "compliance.exports",
        "access.break-glass",
    ]


def test_load_lists_items_in_the_order_of_the_toolkit():
    refs = [[int(part) for part in item.ref.split(".")] for item in load(TEXT, known=KNOWN).items]

    assert refs == sorted(refs)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("mandatory = 45", "mandatory = 44", "44 mandatory are stated, 45 are listed"),
        ("approaching_standards = 26", "approaching_standards = 27", "27 approaching standards are stated"),
        ("assertions = 35", "assertions = 36", "36 assertions are stated, 35 are listed"),
        ('ref = "7.3.5"', 'ref = "7.3.4"', "item 7.3.4 is listed twice"),
        ('ref = "7.3.5"', 'ref = "7.9.5"', "item 7.9.5 belongs to no listed assertion"),
        ('ref = "7.3.5"', 'ref = "7.3"', "a ref has three numbers"),
        ('collector = "access.leavers"', "", "item 4.2.4: name either a collector or answered_by"),
        ('collector = "access.leavers"', 'collector = "a"\nanswered_by = "person"', "item 4.2.4: name either"),
        ('collector = "access.leavers"', 'collector = "access.leaver"', "there is no collector 'access.leaver'"),
        ('answered_by = "person"', 'answered_by = "nobody"', "answered_by may only be"),
        ('level = "SM"', 'level = "XX"', "'XX' is not one of AS, SM, OPT"),
        ("review_months = 36", 'review_months = "36"', "review_months has to be a int, found str"),
        ("confirmed = false", "confirmed = 0", "confirmed has to be a bool, found int"),
        ("[edition.counts]", "[edition.numbers]", "counts has to be a dict"),
        ("[edition]", "[edition", "not valid TOML"),
    ],
)
def test_load_refuses_a_file_that_does_not_hold_together(old, new, complaint):
    broken = TEXT.replace(old, new, 1)

    assert broken != TEXT
    with pytest.raises(BadEdition, match=complaint.replace("[", r"\[")):
        load(broken, known=KNOWN)


def test_published_keys_lists_the_editions_there_are():
    assert edition.published_keys() == ["2025-26"]
