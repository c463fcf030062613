"""What `manage.py check --deploy` refuses, in words that say what to do. The production web server starts after it.

The two-command set-up on one machine fails these checks on purpose: it serves plain HTTP to its own machine only.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

_YEAR = 365 * 24 * 60 * 60  # seconds
_VERIFYING = {"verify-ca", "verify-full"}

Apps = Sequence[AppConfig] | None


@register(Tags.security, deploy=True)
def check_debug(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """Error pages with settings and variables in them are for developers only."""
    return _refuse("E001", settings.DEBUG, "Debugging is on.", "Unset CAREHOME_DEBUG.")


@register(Tags.security, deploy=True)
def check_secret_key(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """It signs sessions and tokens."""
    weak = len(settings.SECRET_KEY) < 50 or len(set(settings.SECRET_KEY)) < 10
    hint = "Put at least 50 random characters into the file that CAREHOME_SECRET_KEY_FILE names."
    return _refuse("E002", weak, "The secret key is short or repeats itself.", hint)


@register(Tags.security, deploy=True)
def check_cookies(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """A cookie without Secure can be read on the way."""
    bare = not (settings.SESSION_COOKIE_SECURE and settings.CSRF_COOKIE_SECURE)
    return _refuse("E003", bare, "Cookies are sent over plain HTTP.", "Unset CAREHOME_INSECURE_HTTP.")


@register(Tags.security, deploy=True)
def check_hsts(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """Browsers must refuse plain HTTP by themselves, for a year at least."""
    short = settings.SECURE_HSTS_SECONDS < _YEAR
    return _refuse("E004", short, "HSTS is off or shorter than a year.", "Unset CAREHOME_INSECURE_HTTP.")


@register(Tags.security, deploy=True)
def check_plain_http(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """Plain HTTP is redirected, never answered; behind a proxy we must know what the visitor came by."""
    found = _refuse("E005", not settings.SECURE_SSL_REDIRECT, "Plain HTTP is served.", "Unset CAREHOME_INSECURE_HTTP.")
    if settings.SECURE_SSL_REDIRECT and settings.SECURE_PROXY_SSL_HEADER is None:
        message = "No proxy is trusted, so every request that a TLS-terminating proxy hands over is redirected again."
        found.append(Warning(message, "Set CAREHOME_TRUSTED_PROXIES to the number of proxies.", id="carehome.W005"))
    return found


@register(Tags.security, deploy=True)
def check_allowed_hosts(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """A free choice of host name lets others' links into our pages."""
    loose = not settings.ALLOWED_HOSTS or any(host.startswith("*") for host in settings.ALLOWED_HOSTS)
    hint = "Set CAREHOME_ALLOWED_HOSTS to the host names people use, separated by commas."
    return _refuse("E006", loose, "Any host name is accepted.", hint)


@register(Tags.security, deploy=True)
def check_database_transport(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """Records leave the machine only inside TLS with a checked certificate; a Unix socket does not leave it."""
    open_ones = [alias for alias, database in settings.DATABASES.items() if not _private(database)]
    message = f"The database is reached over an unchecked connection ({', '.join(open_ones)})."
    hint = "Add sslmode=verify-full and sslrootcert=/path/to/ca.crt to DATABASE_URL, or use a Unix socket."
    return _refuse("E007", bool(open_ones), message, hint)


@register(Tags.security, deploy=True)
def check_broker(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """Who can write to the broker can start tasks."""
    parts = urlsplit(settings.REDIS_URL)
    is_open = parts.scheme not in {"redis+socket", "unix"} and not parts.password
    hint = "Give the broker a password and put it into REDIS_URL (redis://:password@host:6379/0), or use a Unix socket."
    return _refuse("E008", is_open, "The broker takes orders without a password.", hint)


@register(Tags.security, deploy=True)
def check_key_files(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """Each key is there, and closed to other accounts of the machine."""
    files = [Path(file) for file in _key_files()]
    missing = [file.name for file in files if not file.is_file()]
    loose = [file.name for file in files if file.is_file() and file.stat().st_mode & 0o007]
    hint = "Mount the key files and set CAREHOME_KEY_DIR to their folder (see Keys in README.md)."
    found = _refuse("E009", bool(missing), f"Key files are missing: {', '.join(missing)}.", hint)
    hint = "Take the rights away from other accounts: chmod 600."
    return found + _refuse("E010", bool(loose), f"Any account can read these key files: {', '.join(loose)}.", hint)


@register(Tags.security, deploy=True)
def check_backup_identity(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """Whoever takes this machine over should not be able to read the backups with it."""
    if not Path(settings.AGE_IDENTITY_FILE).exists():
        return []
    message = "The key that opens backups lies on this machine."
    hint = "Keep it offline, and on the restore-drill worker only."
    return [Warning(message, hint, id="carehome.W011")]


@register(Tags.security, deploy=True)
def check_static_manifest(app_configs: Apps, **kwargs: object) -> list[CheckMessage]:
    """Without it the first page fails."""
    absent = not (Path(settings.STATIC_ROOT) / "staticfiles.json").is_file()
    return _refuse("E012", absent, "Static files are not collected.", "Run manage.py collectstatic --no-input.")


def _refuse(number: str, wrong: bool, message: str, hint: str) -> list[CheckMessage]:
    return [Error(message, hint, id=f"carehome.{number}")] if wrong else []


def _private(database: dict[str, object]) -> bool:
    host = str(database.get("HOST") or "")
    options = database.get("OPTIONS")
    mode = options.get("sslmode") if isinstance(options, dict) else None
    return not host or host.startswith("/") or mode in _VERIFYING


def _key_files() -> Iterable[str | Path]:
    return (
        os.environ.get("CAREHOME_SECRET_KEY_FILE") or settings.KEY_DIR / "secret_key",
        settings.WRAPPING_KEY_FILE,
        settings.AUDIT_SIGNING_KEY_FILE,
        settings.AGE_RECIPIENTS_FILE,
    )
