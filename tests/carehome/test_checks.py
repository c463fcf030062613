"""Each deployment check lets the safe shape pass, and names what is wrong with an unsafe one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from carehome import checks
from carehome.embedded import secrets

pytestmark = pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")

ROOT = Path(__file__).resolve().parents[2]
DATABASE = {
    "HOST": "database",
    "OPTIONS": {"sslmode": "verify-full", "sslrootcert": "/ca.crt"},
}


@pytest.fixture
def safe(settings, tmp_path, monkeypatch):
    """Settings as the compose file makes them."""
    keys = tmp_path / "keys"
    secrets.write_keys(keys)
    (keys / secrets.BACKUP_IDENTITY).unlink()
    static = tmp_path / "static"
    static.mkdir()
    (static / "staticfiles.json").write_text("{}")
    monkeypatch.delenv("CAREHOME_SECRET_KEY_FILE", raising=False)
    settings.DEBUG = False
    settings.SECRET_KEY = (keys / secrets.SECRET_KEY).read_text().strip()
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 63072000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLOWED_HOSTS = ["care.example.org"]
    settings.DATABASES = {"default": DATABASE}
    settings.REDIS_URL = "redis://:secret@broker:6379/0"
    settings.KEY_DIR = keys
    settings.WRAPPING_KEY_FILE = keys / secrets.WRAPPING_KEY
    settings.AUDIT_SIGNING_KEY_FILE = keys / secrets.SIGNING_KEY
    settings.AGE_RECIPIENTS_FILE = keys / secrets.BACKUP_RECIPIENTS
    settings.AGE_IDENTITY_FILE = keys / secrets.BACKUP_IDENTITY
    settings.STATIC_ROOT = static
    return settings


ALL = [
    checks.check_debug,
    checks.check_secret_key,
    checks.check_cookies,
    checks.check_hsts,
    checks.check_plain_http,
    checks.check_allowed_hosts,
    checks.check_database_transport,
    checks.check_broker,
    checks.check_key_files,
    checks.check_backup_identity,
    checks.check_static_manifest,
]


def _ids():
    return [message.id for check in ALL for message in check(None)]


def test_checks_let_the_safe_shape_pass(safe):
    assert _ids() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DEBUG", True, "carehome.E001"),
        ("SECRET_KEY", "short", "carehome.E002"),
        ("SECRET_KEY", "ab" * 40, "carehome.E002"),
        ("SESSION_COOKIE_SECURE", False, "carehome.E003"),
        ("CSRF_COOKIE_SECURE", False, "carehome.E003"),
        ("SECURE_HSTS_SECONDS", 3600, "carehome.E004"),
        ("SECURE_SSL_REDIRECT", False, "carehome.E005"),
        ("SECURE_PROXY_SSL_HEADER", None, "carehome.W005"),
        ("ALLOWED_HOSTS", ["*"], "carehome.E006"),
        ("ALLOWED_HOSTS", [], "carehome.E006"),
        ("DATABASES", {"default": {"HOST": "database", "OPTIONS": {}}}, "carehome.E007"),
        ("DATABASES", {"default": {"HOST": "database", "OPTIONS": {"sslmode": "require"}}}, "carehome.E007"),
        ("DATABASES", {"default": DATABASE, "owner": {"HOST": "database", "OPTIONS": {}}}, "carehome.E007"),
        ("REDIS_URL", "redis://broker:6379/0", "carehome.E008"),
        ("WRAPPING_KEY_FILE", "/nowhere/wrapping.key", "carehome.E009"),
        ("STATIC_ROOT", "/nowhere", "carehome.E012"),
    ],
)
def test_checks_name_what_is_unsafe(safe, name, value, expected):
    setattr(safe, name, value)

    found = _ids()

    assert found == [expected]


def test_checks_say_what_to_do(safe):
    safe.DEBUG, safe.ALLOWED_HOSTS, safe.REDIS_URL = True, ["*"], "redis://broker"

    hints = [message.hint for check in ALL for message in check(None)]

    assert len(hints) == 3
    assert all(hints)


def test_check_key_files_refuses_a_key_that_any_account_can_read(safe):
    (safe.KEY_DIR / secrets.WRAPPING_KEY).chmod(0o604)

    (found,) = checks.check_key_files(None)

    assert found.id == "carehome.E010"
    assert "wrapping.key" in found.msg


def test_check_backup_identity_warns_when_it_lies_here(safe):
    (safe.KEY_DIR / secrets.BACKUP_IDENTITY).write_text("AGE-SECRET-KEY-…")

    assert _ids() == ["carehome.W011"]


@pytest.mark.parametrize("url", ["redis+socket:///run/valkey.sock", "unix:///run/valkey.sock"])
def test_check_broker_accepts_a_unix_socket(safe, url):
    safe.REDIS_URL = url

    assert checks.check_broker(None) == []


def test_check_database_transport_accepts_a_unix_socket(safe):
    safe.DATABASES = {"default": {"HOST": "/run/postgresql", "OPTIONS": {}}}

    assert checks.check_database_transport(None) == []


def _check_deploy(folder, **changes):
    """`manage.py check --deploy` in a process of its own, with the environment that the compose file gives it."""
    for name, content in {
        "database_url": "postgresql://carehome_app:x@database/carehome?sslmode=verify-full&sslrootcert=/ca.crt",
        "broker_url": "redis://:secret@broker:6379/0",
    }.items():
        (folder / name).write_text(content)
    environment = {
        "PATH": os.environ["PATH"],
        "CAREHOME_VAR": str(folder),
        "CAREHOME_KEY_DIR": str(folder / "keys"),
        "CAREHOME_ALLOWED_HOSTS": "care.example.org,localhost",
        "CAREHOME_TRUSTED_ORIGINS": "https://care.example.org",
        "CAREHOME_TRUSTED_PROXIES": "1",
        "DATABASE_URL_FILE": str(folder / "database_url"),
        "REDIS_URL_FILE": str(folder / "broker_url"),
    }
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        env=environment | changes,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def installation(tmp_path):
    """A folder as in the container: keys without the backup identity, static files collected."""
    secrets.write_keys(tmp_path / "keys")
    (tmp_path / "keys" / secrets.BACKUP_IDENTITY).unlink()
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "staticfiles.json").write_text('{"paths": {}, "version": "1.1", "hash": ""}')
    return tmp_path


def test_check_deploy_is_clean_in_the_compose_environment(installation):
    done = _check_deploy(installation)

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


def test_check_deploy_fails_for_an_unsafe_start(installation):
    done = _check_deploy(installation, CAREHOME_INSECURE_HTTP="1", CAREHOME_ALLOWED_HOSTS="*", CAREHOME_DEBUG="1")

    assert done.returncode == 1
    for number in ("E001", "E003", "E004", "E005", "E006"):
        assert f"carehome.{number}" in done.stderr


def test_settings_refuse_to_start_without_a_secret_key(installation):
    (installation / "keys" / secrets.SECRET_KEY).unlink()

    done = _check_deploy(installation)

    assert done.returncode != 0
    assert "CAREHOME_SECRET_KEY_FILE" in done.stderr
