"""What a marked restore leaves of the anchored notes: pure."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.branches import Branches, RestoreMarker, is_marker, parse_marker, size_of
from audit.checkpoints import signed
from audit.notes import CheckpointBody, NoteError, text_of
from audit.signing import Signer
from carehome.environment import ROOT

WHEN = datetime(2026, 5, 12, 13, 5, 0, 123456, tzinfo=UTC)


def note(size, branch="a"):
    return CheckpointBody("log", size, branch.encode() * 32, b"d" * 32).text() + "\n— x y\n"


def marker(continues, lost_until, at=WHEN):
    return RestoreMarker("log", continues, lost_until, b"d" * 32, at).text() + "\n— x y\n"


def opened(text):
    return parse_marker(text_of(text))


def branches(*kept, opener=opened):
    return Branches(lambda: kept, opener)


def test_going_on_without_a_restore_is_everything():
    found = branches(note(1), note(2))

    assert list(found.going_on()) == [note(1), note(2)]
    assert found.restores == []


def test_a_marker_takes_away_what_stands_before_it_and_beyond():
    found = branches(note(2), note(5), note(9), marker(4, 9), note(5, "b"), note(9, "b"))

    assert list(found.going_on()) == [note(2), note(5, "b"), note(9, "b")]
    assert list(found.lost()) == [note(5), note(9)]
    assert [restored.entries_lost for restored in found.restores] == [5]


def test_two_restores_in_a_row_each_take_their_own():
    found = branches(
        note(5), note(9), marker(5, 9), note(7, "b"), note(12, "b"), marker(3, 12, WHEN + timedelta(1)), note(4, "c")
    )

    assert list(found.going_on()) == [note(4, "c")]
    assert len(found.restores) == 2


def test_a_marker_that_nobody_we_know_signed_changes_nothing_and_stays_to_be_found():
    def unknown(text):
        raise NoteError

    found = branches(note(9), marker(4, 9), opener=unknown)

    assert list(found.going_on()) == [note(9), marker(4, 9)]
    assert found.restores == []


def test_a_marker_written_again_later_hides_nothing():
    found = branches(note(9), marker(4, 9), note(6, "b"), note(8, "b"), marker(4, 9))

    assert list(found.going_on()) == [note(6, "b"), note(8, "b")]
    assert len(found.restores) == 1


def test_a_marker_covers_no_more_than_it_says():
    assert list(branches(note(9), note(11), marker(4, 9)).going_on()) == [note(11)]


def test_without_lost_drops_what_the_file_lost_and_keeps_a_true_contradiction():
    found = branches(note(9), marker(4, 9), note(9, "b"))

    assert list(found.without_lost([note(9), note(9, "c")])) == [note(9, "c")]


@given(
    st.integers(0, 2**62),
    st.integers(0, 2**62),
    st.binary(min_size=32, max_size=32),
    st.datetimes(timezones=st.just(UTC)),
)
def test_parse_marker_reads_what_text_writes(continues, lost_until, digest, at):
    made = RestoreMarker("example/ledger/x", continues, lost_until, digest, at)

    assert parse_marker(made.text()) == made
    assert is_marker(made.text())
    assert size_of(made.text()) is None


@pytest.mark.parametrize(
    "text",
    [
        marker(4, 9).replace("restored", "restores"),
        marker(4, 9).replace("\n4\n", "\n+4\n"),
        marker(4, 9).replace("chain ", "chains "),
        marker(4, 9).replace("at 2026", "at  2026"),
        marker(4, 9).replace("\nat", "\nmore\nat"),
        note(4),
        "",
    ],
)
def test_parse_marker_refuses_what_text_never_writes(text):
    with pytest.raises(NoteError):
        parse_marker(text.partition("\n\n")[0] + "\n")


def test_the_marker_in_the_format_is_what_we_write():
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    digest = bytes.fromhex("36a551d9b6deb179cbcdd01a914bc5a17b99e43dba1420af6f867ff60c2e15b3")
    at = datetime(2026, 5, 13, 6, 30, tzinfo=UTC)
    made = RestoreMarker("example/01890a5d-ac96-774b-bcce-b302099a8057", 1, 2, digest, at)

    assert f"```\n{signed(made.text(), [Signer('example', key)])}```" in (ROOT / "audit" / "FORMAT.md").read_text()


def test_a_marker_says_its_time_with_an_offset():
    at = WHEN.astimezone(timezone(timedelta(hours=1)))

    assert parse_marker(RestoreMarker("log", 1, 2, bytes(32), at).text()).at == WHEN
