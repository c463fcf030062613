import errno
import os

import pytest

from backups.destinations import DATA, MANIFEST, SIGNATURE, DirectoryDestination, destination_at, find_set
from backups.errors import DestinationUnusable, DumpFailed, SetNotFound

FIRST, SECOND = "20261122T013000Z-0000000a", "20261123T013000Z-0000000b"


@pytest.fixture
def destination(tmp_path):
    return DirectoryDestination(tmp_path / "backups")


def write(destination, name, content=b"data"):
    with destination.draft(name) as draft:
        for part in (DATA, MANIFEST, SIGNATURE):
            draft.create(part).write(content)


def test_draft_becomes_a_set_when_it_ends_well(destination):
    write(destination, SECOND)
    write(destination, FIRST)

    assert destination.names() == [FIRST, SECOND]
    assert destination.read(FIRST, MANIFEST) == b"data"


def test_draft_is_not_seen_while_it_is_written(destination):
    with destination.draft(FIRST) as draft:
        draft.create(DATA).write(b"half")

        assert destination.names() == []


@pytest.mark.parametrize("failure", [DumpFailed("no"), ValueError("no"), KeyboardInterrupt()])
def test_draft_leaves_nothing_when_it_fails(destination, failure):
    def stops_halfway():
        with destination.draft(FIRST) as draft:
            draft.create(DATA).write(b"half")
            raise failure

    with pytest.raises(type(failure)):
        stops_halfway()

    assert list(destination.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "quota"), (errno.EROFS, "read-only"), (errno.EIO, "failed")],
)
def test_draft_says_in_plain_words_why_it_cannot_be_written(destination, number, words):
    with pytest.raises(DestinationUnusable, match=words), destination.draft(FIRST):
        raise OSError(number, os.strerror(number))

    assert destination.names() == []


def test_draft_fails_on_a_really_full_disk(destination):
    destination.folder.mkdir()

    with (
        pytest.raises(DestinationUnusable, match="disk is full"),
        destination.draft(FIRST),
        open("/dev/full", "wb") as full,
    ):
        full.write(b"x" * 100_000)


def test_draft_refuses_a_destination_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(DestinationUnusable), DirectoryDestination(tmp_path / "file").draft(FIRST):
        pass


def test_draft_keeps_others_out(destination):
    write(destination, FIRST)

    assert destination.folder.stat().st_mode & 0o777 == 0o700
    assert (destination.folder / FIRST).stat().st_mode & 0o777 == 0o700
    assert (destination.folder / FIRST / DATA).stat().st_mode & 0o777 == 0o600


def test_sweep_takes_only_what_a_stopped_process_left(destination):
    write(destination, FIRST)
    (destination.folder / f".{SECOND}.partial").mkdir()

    assert destination.sweep() == 1
    assert [path.name for path in destination.folder.iterdir()] == [FIRST]


def test_names_shows_sets_only(destination):
    write(destination, FIRST)
    (destination.folder / "lost+found").mkdir()
    (destination.folder / SECOND).write_text("a file, not a set")

    assert destination.names() == [FIRST]


def test_names_is_empty_before_the_first_backup(destination):
    assert destination.names() == []


def test_remove_takes_the_set_away(destination):
    write(destination, FIRST)
    write(destination, SECOND)

    destination.remove(FIRST)

    assert destination.names() == [SECOND]
    with pytest.raises(SetNotFound):
        destination.remove(FIRST)


@pytest.mark.parametrize("name", ["..", "../other", "", ".", "/etc", f"{FIRST}/..", "x" * 5000])
def test_open_refuses_a_name_that_leaves_the_folder(destination, name):
    with pytest.raises(SetNotFound):
        destination.open(name, DATA)


def test_destination_at_reads_urls_and_paths(tmp_path):
    assert destination_at((tmp_path / "with space").as_uri()).folder == tmp_path / "with space"
    assert destination_at(str(tmp_path)).folder == tmp_path


@pytest.mark.parametrize("place", ["s3://bucket/x", "ftp://host/x", "", "  "])
def test_destination_at_refuses_kinds_it_does_not_know(place):
    with pytest.raises(DestinationUnusable):
        destination_at(place)


def test_find_set_takes_a_name_or_a_path(destination, tmp_path):
    write(destination, FIRST)
    elsewhere = DirectoryDestination(tmp_path / "elsewhere")

    assert find_set(FIRST, elsewhere) == (elsewhere, FIRST)
    found, name = find_set(str(destination.folder / FIRST), elsewhere)
    assert (found.folder, name) == (destination.folder, FIRST)
    with pytest.raises(SetNotFound):
        find_set(str(tmp_path / "nothing"), elsewhere)
