"""Filters out of an address."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from compliance.ledger.filters import EPOCH, Cursor, Filters, cursor, read

NOW = datetime(2026, 5, 12, 23, 30, tzinfo=UTC)  # 00:30 on the 13th in London
MARCH_28 = datetime(2026, 3, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "since", "until"),
    [
        ({"period": "today"}, datetime(2026, 5, 12, 23, tzinfo=UTC), None),
        ({"period": "yesterday"}, datetime(2026, 5, 11, 23, tzinfo=UTC), datetime(2026, 5, 12, 23, tzinfo=UTC)),
        ({"period": "7"}, datetime(2026, 5, 6, 23, tzinfo=UTC), None),
        ({}, datetime(2026, 4, 13, 23, tzinfo=UTC), None),
        ({"period": "all"}, EPOCH, None),
        ({"since": "2026-03-28", "until": "2026-03-29"}, MARCH_28, datetime(2026, 3, 29, 23, tzinfo=UTC)),
        ({"since": "2026-03-29", "until": "2026-03-28"}, MARCH_28, datetime(2026, 3, 29, 23, tzinfo=UTC)),
        ({"until": "2026-01-02"}, EPOCH, datetime(2026, 1, 3, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_span_is_made_of_whole_days_in_london(query, since, until):
    assert read(query).span(NOW) == (since, until)


def test_read_leaves_out_what_means_nothing_and_says_so():
    filters = read(
        {"resident": "Ada Brown", "number": "1e9", "hour": "24", "did": "everything", "since": "1999-01-01",
         "kind": "view"}
    )  # fmt: skip

    assert filters == Filters(kind="view")
    assert set(filters.ignored) == {"resident", "number", "hour", "did", "since"}


def test_query_carries_ids_and_codes_and_comes_back_the_same():
    filters = Filters(
        resident=UUID(int=1), person=str(UUID(int=2)), did="opened", since=date(2026, 5, 1), hour=0, weekday=7, number=5
    )

    query = dict(part.split("=") for part in filters.query().removeprefix("?").split("&"))

    assert read(query) == filters
    assert query["hour"] == "0"


def test_without_takes_one_thing_away():
    filters = Filters(did="opened", kind="view")

    assert filters.without("did") == "?kind=view"
    assert filters.without("did", "kind") == "?"


def test_cursor_comes_back_to_the_microsecond():
    place = Cursor(datetime(2026, 5, 12, 1, 2, 3, 456789, tzinfo=UTC), UUID(int=9), older=True)

    assert cursor({"before": place.text}) == place


@pytest.mark.parametrize("text", ["", "x_y", "1_", "_" + UUID(int=1).hex, "9" * 40 + "_" + UUID(int=1).hex])
def test_cursor_that_means_nothing_is_none(text):
    assert cursor({"before": text}) is None
