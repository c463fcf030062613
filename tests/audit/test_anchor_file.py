"""The append-only file on a real disk that fills, tears, refuses and is shared."""

import json
import os
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from uuid import UUID

import pytest

from audit.anchors import Anchored, AnchorFile
from audit.errors import AnchorFailed

HOUSE = UUID(int=7)
WHEN = datetime(2026, 5, 12, 13, 5, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    return AnchorFile(tmp_path / "anchor", HOUSE)


def kept(size, note=None):
    return Anchored(HOUSE, size, note or f"note {size} – Frühling", WHEN)


def append(file, *sizes):
    with file.held() as held:
        for size in sizes:
            held.append(kept(size))


def test_append_adds_one_line_that_only_its_owner_may_read(file):
    append(file, 1, 2)

    assert list(file.notes()) == ["note 1 – Frühling", "note 2 – Frühling"]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("torn", [b'{"size": 2, "no', b"\xc3", b'{"size": 2, "note": "Fr\xc3'])
def test_a_line_that_a_power_cut_broke_off_never_counted_and_spoils_no_other(file, torn):
    append(file, 1)
    with file.path.open("ab") as raw:
        raw.write(torn)

    assert list(file.notes()) == ["note 1 – Frühling"]
    append(file, 3)
    assert list(file.notes()) == ["note 1 – Frühling", "note 3 – Frühling"]
    with file.held() as held:
        assert next(held.tail()) == list(file.notes())


def test_a_file_that_is_one_torn_line_longer_than_a_block_is_mended(file):
    append(file)
    file.path.write_bytes(b"x" * 200_000)

    append(file, 3)

    assert list(file.notes()) == ["note 3 – Frühling"]


def test_a_line_that_was_damaged_later_is_given_as_it_stands(file):
    append(file, 1, 2)
    file.path.write_bytes(file.path.read_bytes().replace(b'{"size": 1', b'{"size" 1', 1))

    assert next(file.notes()).startswith('{"size" 1')


def test_a_word_that_a_line_was_torn_hides_no_line_of_another_length(file):
    append(file, 1)
    with file.path.open("a") as raw:
        raw.write('{"damaged\n{"torn": 4}\n')

    assert list(file.notes()) == ["note 1 – Frühling", '{"damaged\n']


def test_notes_carry_nothing_that_no_text_may_hold(file):
    append(file)
    file.path.write_bytes(b'{"note": "\\ud800"}\n\xff\xfe\n')

    for note in file.notes():
        note.encode()


def test_append_to_a_folder_that_takes_no_file_says_so(tmp_path):
    (tmp_path / "anchor").write_text("a file where the folder should be")

    with pytest.raises(AnchorFailed), AnchorFile(tmp_path / "anchor", HOUSE).held():
        pass


FULL = """
import resource, sys
from datetime import datetime, UTC
from pathlib import Path
from uuid import UUID
from audit.anchors.file import Anchored, AnchorFile
from audit.errors import AnchorFailed
file = AnchorFile(Path(sys.argv[1]), UUID(int=7))
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
taken = 0
try:
    for size in range(1, 100):
        with file.held() as held:
            held.append(Anchored(UUID(int=7), size, "n" * 300, datetime(2026, 5, 12, tzinfo=UTC)))
        taken = size
except AnchorFailed:
    print(taken)
"""


def test_append_on_a_full_disk_fails_aloud_and_keeps_what_was_taken(file):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(file.path.parent)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    taken = int(done.stdout)

    assert 0 < taken < 10
    assert len(list(file.notes())) == taken
    append(file, 50)
    assert len(list(file.notes())) == taken + 1


def test_held_lets_one_in_at_a_time(file, monkeypatch):
    inside, most = [], []

    def work():
        with file.held() as held:
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            held.append(kept(1))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert max(most) == 1
    assert len(list(file.notes())) == 8


def test_held_gives_up_on_a_file_that_somebody_never_lets_go(file, monkeypatch):
    monkeypatch.setattr("audit.anchors.file._PATIENCE", 0.05)

    with file.held(), pytest.raises(AnchorFailed), file.held():
        pass


def test_tail_reads_the_end_and_then_more(file):
    append(file, *range(1, 3001))
    with file.held() as held:
        stretches = [len(stretch) for stretch in held.tail()]

    assert 100 < stretches[0] < 1500
    assert stretches == sorted(stretches)
    assert stretches[-1] == 3000


def test_lines_are_json_as_written_down_in_the_format(file):
    append(file, 1)

    assert json.loads(file.path.read_text()) == {
        "size": 1,
        "signed_at": "2026-05-12T13:05:00+00:00",
        "note": "note 1 – Frühling",
    }
