"""`manage.py up` on a fresh data folder: it starts everything, says so, and leaves nothing behind but the data."""

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from carehome.embedded import state, supervisor
from carehome.embedded.errors import AlreadyRunning
from carehome.embedded.terminal import table

ROOT = Path(__file__).resolve().parents[2]


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _environment(var, **changes):
    ours = ("CAREHOME_", "DATABASE_", "REDIS_", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"CAREHOME_VAR": str(var)} | changes


def _up(var, port, **changes):
    return subprocess.Popen(
        [sys.executable, "manage.py", "up", "--demo", "small", "--port", str(port)],
        cwd=ROOT,
        env=_environment(var, **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _read_until_ready(process):
    """Its lines up to the one that says it is ready, and the seconds it took."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C stops everything" in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


def _manage(var, *arguments):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=_environment(var), capture_output=True, text=True
    )


def _get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read()


def _processes_of(var):
    """Process ids whose command line or environment names the data folder; ours alone, for the folder is new."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            about = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(var).encode() in about and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def _wait_for_none(var):
    limit = time.monotonic() + 10
    while _processes_of(var) and time.monotonic() < limit:
        time.sleep(0.1)
    return _processes_of(var)


def test_up_starts_everything_and_leaves_nothing_but_the_data(tmp_path):
    var, port = tmp_path / "var", _free_port()

    cold = _up(var, port)
    said = _read_until_ready(cold)
    try:
        assert f"http://127.0.0.1:{port}" in said
        assert _get(port, "/readyz")[0] == 200
        accounts = supervisor.read_accounts(var / "demo_accounts.json")
        assert {"carer", "registered manager"} <= {account["role"] for account in accounts}
        assert all(str(account["email"]) in said for account in accounts)
        assert stat.S_IMODE((var / "runtime.env").stat().st_mode) == 0o600

        second = _up(var, _free_port())
        assert "already running" in second.communicate()[0]
        assert second.returncode == 1

        beside = _manage(var, "migrate", "--check", "--database", "owner")
        assert beside.returncode == 0, beside.stderr
    finally:
        cold.send_signal(signal.SIGINT)
        rest = cold.communicate(timeout=60)[0]

    assert cold.returncode == 0, rest
    assert _wait_for_none(var) == []

    warm = _up(var, port)
    said = _read_until_ready(warm)
    assert "Migrating" not in said
    assert "demo organisations" not in said
    assert float(re.search(r"ready after ([\d.]+) s", said)[1]) < 30
    os.kill(_worker_of(var), signal.SIGKILL)
    rest = warm.communicate(timeout=60)[0]

    assert warm.returncode == 1
    assert "The worker stopped by itself" in rest
    assert _wait_for_none(var) == []

    (var / "keys" / "wrapping.key").unlink()
    keyless = _up(var, port)
    rest = keyless.communicate(timeout=60)[0]
    assert keyless.returncode == 1
    assert "no wrapping.key" in rest
    assert "Traceback" not in rest


def _worker_of(var):
    """The worker's main process: the one of its kind whose parent is not of its kind."""
    workers = [pid for pid in _processes_of(var) if b"celery" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return min(workers)


def test_up_names_a_port_that_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _up(tmp_path / "var", port)
        said = done.communicate()[0]

    assert done.returncode == 1
    assert f"Port {port} cannot be used" in said
    assert "Traceback" not in said


def test_up_names_what_a_database_of_ones_own_needs(tmp_path):
    done = _up(tmp_path / "var", _free_port(), DATABASE_URL="postgresql://x@/y")
    said = done.communicate()[0]

    assert done.returncode == 1
    assert "DATABASE_OWNER_URL and DATABASE_BACKUP_URL must be set" in said


@pytest.mark.parametrize("port", ["0", "70000", "eight"])
def test_up_refuses_what_is_no_port(tmp_path, port):
    done = _up(tmp_path / "var", port)
    said = done.communicate()[0]

    assert done.returncode == 2
    assert "a port is a number from 1 to 65535" in said
    assert not (tmp_path / "var").exists()


def test_only_one_lets_the_next_in_after_the_first(tmp_path):
    with supervisor.only_one(tmp_path), pytest.raises(AlreadyRunning), supervisor.only_one(tmp_path):
        pass

    with supervisor.only_one(tmp_path):
        assert (tmp_path / "up.lock").exists()


def test_fingerprint_changes_with_a_file(tmp_path):
    file = tmp_path / "0001_first.py"
    file.write_text("one")
    before = state.fingerprint([file])

    file.write_text("another")

    assert state.fingerprint([file]) != before
    assert state.fingerprint([file], "word") != state.fingerprint([file])


def test_state_forgets_what_it_cannot_read(tmp_path):
    kept = state.State(tmp_path / "state.json")
    kept.keep("static", "abc")
    remembered = state.State(tmp_path / "state.json").has("static", "abc")

    (tmp_path / "state.json").write_text("{")

    assert remembered
    assert not state.State(tmp_path / "state.json").has("static", "abc")


def test_table_lines_its_columns_up():
    rows = [{"role": "carer", "homes": ["Elm House", "Oak Lodge"]}, {"role": "registered manager", "homes": []}]

    lines = table(rows, {"role": "Role", "homes": "Homes"}).splitlines()

    assert lines[0].index("Homes") == lines[2].index("Elm House") == 20
    assert lines[3] == "registered manager"


def test_read_accounts_takes_a_list_or_one_under_accounts(tmp_path):
    (tmp_path / "list.json").write_text(json.dumps([{"role": "senior_carer"}]))
    (tmp_path / "under.json").write_text(json.dumps({"accounts": [{"role": "senior_carer"}]}))

    assert (
        supervisor.read_accounts(tmp_path / "list.json")
        == supervisor.read_accounts(tmp_path / "under.json")
        == [{"role": "senior carer"}]
    )
