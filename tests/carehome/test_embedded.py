"""The embedded services, really started; each test pays for its cluster in about half a second."""

import base64
import os
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pyrage
import pytest
import redis
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from kombu import Connection

from carehome.embedded import postgres, processes, roles, secrets
from carehome.embedded.errors import AlreadyRunning, CannotStart, MissingKey, MissingSetting
from carehome.embedded.postgres import Cluster
from carehome.embedded.valkey import Broker, client_url

PASSWORDS = {role: f"correct horse/{role}@:?" for role in roles.WITH_PASSWORD}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), durable=False)
    cluster.start()
    roles.ensure_roles(cluster.conninfo(), PASSWORDS)
    roles.create_database(cluster.conninfo())
    yield cluster
    cluster.stop()


def _as(cluster, role, database="carehome"):
    return psycopg.connect(cluster.url(database, user=role, password=PASSWORDS[role]), autocommit=True)


def _mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_start_listens_on_a_private_socket_only(cluster):
    with psycopg.connect(cluster.conninfo()) as connection:
        settings = {
            name: connection.execute(f"SHOW {name}").fetchone()[0]
            for name in ("listen_addresses", "data_checksums", "password_encryption", "max_connections")
        }

    assert settings == {
        "listen_addresses": "",
        "data_checksums": "on",
        "password_encryption": "scram-sha-256",
        "max_connections": "100",
    }
    assert _mode(cluster.socket_directory) == 0o700
    assert _mode(cluster.data) == 0o700
    assert _mode(cluster.password_file) == 0o600


def test_start_lets_nobody_in_without_the_password(cluster):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.conninfo(password="wrong"))


def test_start_refuses_a_second_server_of_the_same_data(cluster):
    with pytest.raises(AlreadyRunning):
        Cluster(cluster.root, durable=False).start()


def test_stop_keeps_the_data(tmp_path):
    cluster = Cluster(tmp_path, durable=False)
    cluster.start()
    with psycopg.connect(cluster.conninfo()) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    cluster.stop()
    stopped = cluster.running()

    cluster.start()

    with psycopg.connect(cluster.conninfo()) as connection:
        rows = connection.execute("SELECT count(*) FROM kept").fetchone()
    cluster.stop()
    assert not stopped
    assert rows == (0,)


def test_start_survives_a_lock_file_that_names_a_strange_process(tmp_path):
    cluster = Cluster(tmp_path, durable=False)
    cluster.start()
    cluster.process.kill()
    cluster.process.wait()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    lock = cluster.data / "postmaster.pid"
    lock.write_text("\n".join([str(stranger.pid), *lock.read_text().splitlines()[1:]]) + "\n")

    cluster.start()

    alive = stranger.poll() is None
    cluster.stop()
    stranger.kill()
    stranger.wait()
    assert alive


def test_stop_ends_a_server_that_another_process_left_behind(tmp_path):
    cluster = Cluster(tmp_path, durable=False)
    cluster.start()

    Cluster(tmp_path, durable=False).stop()

    cluster.process.wait(5)
    assert cluster.server_pid() is None


def test_start_works_under_an_over_long_path(tmp_path):
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 5)
    cluster = Cluster(deep, durable=False)

    cluster.start()

    running, folder = cluster.running(), cluster.socket_directory
    cluster.stop()
    assert running
    assert len(str(folder)) < 90
    assert _mode(folder) == 0o700
    folder.rmdir()


def test_initdb_starts_over_after_an_interrupted_one(tmp_path):
    cluster = Cluster(tmp_path, durable=False)
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "half").touch()

    cluster.initdb()

    assert cluster.initialised
    assert not (tmp_path / "data.new").exists()


def test_start_dies_with_its_parent(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from carehome.embedded.postgres import Cluster\n"
        "c = Cluster(Path(sys.argv[1]), durable=False); c.start(); print(c.process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    server = int(parent.stdout.readline())

    parent.kill()
    parent.wait()

    limit = time.monotonic() + 15
    while processes.is_alive(server) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not processes.is_alive(server)


def test_start_names_the_reason_when_the_server_stops(tmp_path):
    cluster = Cluster(tmp_path, durable=False)
    cluster.initdb()
    (cluster.data / "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(CannotStart, match="no_such_setting"):
        cluster.start()


@pytest.fixture
def open_folder():
    """A folder that other accounts may enter; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to a system account")
def test_start_as_root_drops_to_a_system_account_where_namespaces_are_refused(open_folder, monkeypatch):
    monkeypatch.setattr(postgres, "namespaces_work", lambda: False)
    cluster = Cluster(open_folder / "cluster", durable=False)

    try:
        cluster.start()
        owner = Path(f"/proc/{cluster.process.pid}").stat().st_uid
        running = cluster.running()
    finally:
        cluster.stop()

    assert running
    assert owner != 0


def test_ensure_roles_gives_each_role_what_it_needs_and_no_more(cluster):
    with psycopg.connect(cluster.conninfo("carehome")) as connection:
        rows = connection.execute(
            "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles"
            " WHERE rolname LIKE 'carehome%' AND rolname <> 'carehome_admin' ORDER BY 1"
        ).fetchall()
        audit_member = connection.execute("SELECT pg_has_role('carehome_owner', 'carehome_audit', 'SET')").fetchone()
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'carehome'"
        ).fetchone()

    assert rows == [
        ("carehome_app", True, False, False, False),
        ("carehome_audit", False, False, False, False),
        ("carehome_backup", True, False, True, False),
        ("carehome_owner", True, False, False, False),
    ]
    assert audit_member == (True,)
    assert owner == ("carehome_owner",)


def test_ensure_roles_may_run_again_and_sets_a_new_password(cluster):
    changed = PASSWORDS | {roles.APP: "another"}

    roles.ensure_roles(cluster.conninfo(), changed)
    made = roles.create_database(cluster.conninfo())

    with psycopg.connect(cluster.conninfo("carehome", user=roles.APP, password="another")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (roles.APP,)
    assert made is False
    roles.ensure_roles(cluster.conninfo(), PASSWORDS)


def test_ensure_roles_refuses_a_missing_password(cluster):
    with pytest.raises(MissingSetting, match="carehome_backup"):
        roles.ensure_roles(cluster.conninfo(), PASSWORDS | {roles.BACKUP: ""})


@pytest.mark.parametrize("role", [roles.APP, roles.BACKUP])
def test_create_database_lets_app_and_backup_make_nothing(cluster, role):
    with _as(cluster, role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE mine (a int)")


def test_create_database_lets_the_backup_role_read_what_the_owner_makes(cluster):
    with _as(cluster, roles.OWNER) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS owned (a int)")

    with _as(cluster, roles.BACKUP) as connection:
        read = connection.execute("SELECT count(*) FROM owned").fetchone()
    with _as(cluster, roles.APP) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT count(*) FROM owned")

    assert read == (0,)


def test_create_database_fences_databases_that_the_owner_makes_later(cluster):
    with _as(cluster, roles.OWNER) as connection:
        connection.execute("DROP DATABASE IF EXISTS scratch")
        connection.execute("CREATE DATABASE scratch")

    with _as(cluster, roles.OWNER, "scratch") as connection:
        connection.execute("CREATE TABLE sealed (a int)")
        connection.execute("ALTER TABLE sealed OWNER TO carehome_audit")
    with _as(cluster, roles.APP, "scratch") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE mine (a int)")


def test_roles_as_a_command_reads_passwords_from_files(cluster, tmp_path):
    environment = {"PATH": os.environ["PATH"], "CAREHOME_ADMIN_URL": cluster.conninfo(), "CAREHOME_DATABASE": "other"}
    for role, password in PASSWORDS.items():
        (tmp_path / role).write_text(f"{password}\n")
        environment[f"{role.upper()}_PASSWORD_FILE"] = str(tmp_path / role)

    done = subprocess.run(
        [sys.executable, "-m", "carehome.embedded.roles"], env=environment, cwd=ROOT, capture_output=True, text=True
    )

    with _as(cluster, roles.APP, "other") as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("other",)
    assert done.returncode == 0
    assert not any(password in done.stderr + done.stdout for password in PASSWORDS.values())


def test_roles_as_a_command_names_the_setting_that_is_missing():
    done = subprocess.run(
        [sys.executable, "-m", "carehome.embedded.roles"], env={"PATH": os.environ["PATH"]}, cwd=ROOT,
        capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 1
    assert "CAREHOME_ADMIN_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_broker_keeps_what_it_was_given_and_speaks_to_both_clients(tmp_path):
    broker = Broker(tmp_path)
    broker.start()
    with redis.Redis.from_url(client_url(broker.url)) as client:
        client.set("kept", "yes")
    with Connection(broker.url) as connection:
        connection.ensure_connection(max_retries=1)
    mode = _mode(broker.socket)
    broker.stop()

    broker.start()

    with redis.Redis.from_url(client_url(broker.url)) as client:
        kept = client.get("kept")
    broker.stop()
    assert kept == b"yes"
    assert mode == 0o700
    assert not broker.running()


def test_broker_refuses_a_second_server_of_the_same_data(tmp_path):
    broker = Broker(tmp_path, durable=False)
    broker.start()

    try:
        with pytest.raises(CannotStart, match="already running"):
            Broker(tmp_path, durable=False).start()
    finally:
        broker.stop()


@pytest.mark.parametrize(
    ("celery", "redis_py"),
    [
        ("redis+socket:///a%20b/v.sock", "unix:///a%20b/v.sock"),
        ("redis+socket:///v.sock?virtual_host=2", "unix:///v.sock?db=2"),
        ("rediss://:secret@broker:6379/0", "rediss://:secret@broker:6379/0"),
    ],
)
def test_client_url_says_the_same_to_redis_py(celery, redis_py):
    assert client_url(celery) == redis_py


def test_write_keys_makes_each_key_once_and_privately(tmp_path):
    made = secrets.write_keys(tmp_path / "keys")
    before = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}

    again = secrets.write_keys(tmp_path / "keys")

    after = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    assert set(made) == set(before) == {*secrets.NEEDED, secrets.BACKUP_IDENTITY}
    assert again == []
    assert before == after
    assert {_mode(path) for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_write_keys_makes_keys_that_their_users_can_read(tmp_path):
    secrets.write_keys(tmp_path)

    wrapping = base64.b64decode((tmp_path / secrets.WRAPPING_KEY).read_text())
    signing = load_pem_private_key((tmp_path / secrets.SIGNING_KEY).read_bytes(), None)
    identity = pyrage.x25519.Identity.from_str((tmp_path / secrets.BACKUP_IDENTITY).read_text().strip())
    recipient = pyrage.x25519.Recipient.from_str((tmp_path / secrets.BACKUP_RECIPIENTS).read_text().strip())
    assert len(wrapping) == 32
    assert len(signing.sign(b"words")) == 64
    assert pyrage.decrypt(pyrage.encrypt(b"words", [recipient]), [identity]) == b"words"


def test_write_keys_derives_a_lost_recipient_from_its_identity(tmp_path):
    secrets.write_keys(tmp_path)
    recipient = (tmp_path / secrets.BACKUP_RECIPIENTS).read_text()
    (tmp_path / secrets.BACKUP_RECIPIENTS).unlink()

    secrets.write_keys(tmp_path)

    assert (tmp_path / secrets.BACKUP_RECIPIENTS).read_text() == recipient


def test_check_keys_names_the_missing_key(tmp_path):
    secrets.write_keys(tmp_path)
    secrets.check_keys(tmp_path)
    (tmp_path / secrets.WRAPPING_KEY).unlink()

    with pytest.raises(MissingKey, match=r"no wrapping\.key"):
        secrets.check_keys(tmp_path)
