"""The grid of hours."""

from datetime import UTC, datetime, timedelta

from compliance.ledger.heatmap import grid


def counted(cells):
    return {(cell.hour, cell.weekday): cell.count for row in cells for cell in row if cell.count}


def test_grid_is_in_londons_hours():
    summer, winter = datetime(2026, 7, 6, 9, tzinfo=UTC), datetime(2026, 1, 5, 9, tzinfo=UTC)  # both Mondays

    assert counted(grid({summer: 2, winter: 3})) == {(10, 1): 2, (9, 1): 3}


def test_grid_adds_the_hour_that_comes_twice_and_has_none_that_does_not_exist():
    autumn = datetime(2026, 10, 25, 0, tzinfo=UTC)  # 01:00 twice in London
    spring = datetime(2026, 3, 29, 1, tzinfo=UTC)  # 02:00 in London: there is no 01:00

    assert counted(grid({autumn: 1, autumn + timedelta(hours=1): 10})) == {(1, 7): 11}
    assert counted(grid({spring: 5})) == {(2, 7): 5}


def test_grid_goes_over_midnight_and_week():
    late_sunday = datetime(2026, 7, 5, 23, tzinfo=UTC)  # 00:00 on Monday in London

    assert counted(grid({late_sunday: 1})) == {(0, 1): 1}


def test_levels_show_the_share_of_the_busiest():
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    cells = grid({begin + timedelta(hours=n): n for n in (1, 2, 5, 10)})

    assert {cell.count: cell.level for row in cells for cell in row} == {0: 0, 1: 1, 2: 1, 5: 3, 10: 5}
    assert [len(row) for row in cells] == [7] * 24
