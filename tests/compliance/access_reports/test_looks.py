"""Ledger entries as lines and sums: pure."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from compliance.access_reports.looks import Counted, Entry, Sort, days, sort_of, totals

AT = datetime(2026, 5, 12, 13, 5, tzinfo=UTC)


def entry(**values):
    return Entry(
        **{
            "id": uuid4(),
            "at": AT,
            "kind": "view",
            "actor": "staff:a",
            "action": "records.resident.viewed",
            "subject": "resident:r",
            "device": None,
            "count": 1,
            "listed": False,
            "page": "records:daily_notes",
        }
        | values
    )


def test_days_make_one_line_of_the_same_done_again():
    first, again = entry(), entry(at=AT + timedelta(hours=2), count=2)

    [(day, [line])] = days([again, first])

    assert day == date(2026, 5, 12)
    assert (line.id, line.times, line.first_at, line.last_at) == (first.id, 3, AT, again.at)
    assert line.ids == {first.id, again.id}


def test_days_keep_people_pages_and_tablets_apart():
    base = entry()
    others = [
        replace(base, id=uuid4(), actor="staff:b"),
        replace(base, id=uuid4(), page="records:resident"),
        replace(base, id=uuid4(), device="device:x"),
    ]

    [(_day, lines)] = days([base, *others])

    assert len(lines) == 4


def test_days_leave_the_system_out():
    assert days([entry(actor="system:backups")]) == []


def test_days_are_londons():
    late = entry(at=datetime(2026, 7, 1, 23, 30, tzinfo=UTC))

    assert [day for day, _lines in days([late])] == [date(2026, 7, 2)]


def test_entry_of_an_unknown_page_or_act_is_still_told():
    assert entry(page="pharmacy:charts").words == "opened the record"
    assert entry(kind="act", action="pharmacy.chart.signed", page="").words == "changed something in the record"
    assert entry(kind="act", action="pharmacy.chart.printed", page="").words == "printed or exported from the record"


def test_sort_of_each_kind():
    assert sort_of("view", "records.resident.viewed", listed=False) is Sort.LOOKED
    assert sort_of("view", "records.resident_list.viewed", listed=True) is Sort.LISTED
    assert sort_of("refusal", "access.permission.refused", listed=False) is Sort.REFUSED
    assert sort_of("act", "records.resident.exported", listed=False) is Sort.TOOK
    assert sort_of("change", "records.daily_note.written", listed=False) is Sort.WROTE
    assert sort_of("act", "compliance.access_report.shared", listed=False) is Sort.REPORT
    assert sort_of("act", "records.resident_list.exported", listed=True) is Sort.TOOK


def test_totals_count_people_kinds_and_days():
    day, before = date(2026, 5, 12), date(2026, 5, 11)
    found = totals(
        [
            Counted(day, "staff:a", Sort.LOOKED, 3, AT),
            Counted(before, "staff:a", Sort.WROTE, 1, AT - timedelta(days=1)),
            Counted(before, "staff:b", Sort.LISTED, 120, AT - timedelta(days=1)),
            Counted(before, "system:backups", Sort.WROTE, 9, AT),
        ]
    )

    assert [(p.actor, p.looked, p.wrote, p.listed) for p in found.people] == [
        ("staff:a", 3, 1, 0),
        ("staff:b", 0, 0, 120),
    ]
    assert found.people[0].last_at == AT
    assert found.days == [day, before]
    assert (found.system, found.sorts[Sort.LISTED]) == (9, 120)
    assert [p.actor for p in found.direct] == ["staff:a"]
    assert [p.actor for p in found.in_lists] == ["staff:b"]


def test_totals_of_a_day_with_lists_alone_give_no_day_to_tell():
    assert totals([Counted(date(2026, 5, 12), "staff:b", Sort.LISTED, 1, AT)]).days == []


def test_line_is_named_by_its_first_entry():
    first = entry(id=UUID(int=1))
    second = entry(id=UUID(int=2), at=AT + timedelta(minutes=5))

    [(_day, [line])] = days([second, first])

    assert line.id == UUID(int=1)
