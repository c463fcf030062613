"""Typed readers for the environment. A missing secret stops the start; nothing falls back to an unsafe value.

Beside a running `make run` the values stand in `var/runtime.env` (KEY=VALUE lines, readable by their owner only), so
that any `manage.py` command reaches the same database without being told where it is.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent


def load_runtime(var: Path) -> None:
    """Fill the environment from `var/runtime.env`, unless a database is named already."""
    runtime = var / "runtime.env"
    if "DATABASE_URL" in os.environ or "DATABASE_URL_FILE" in os.environ or not runtime.is_file():
        return
    for line in runtime.read_text(encoding="utf-8").splitlines():
        key, separator, value = line.partition("=")
        if separator and not key.startswith("#"):
            os.environ.setdefault(key.strip(), value.strip())


def text(name: str, default: str = "") -> str:
    """The variable's value, or the content of the file that NAME_FILE names: how secrets come into a container."""
    file = os.environ.get(f"{name}_FILE")
    if not file:
        return os.environ.get(name, default)
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read.") from error


def flag(name: str, *, default: bool = False) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() not in {"0", "1", "true", "false", "yes", "no", ""}:
        raise ImproperlyConfigured(f"{name} must be 1 or 0.")
    return value.lower() in {"1", "true", "yes"}


def number(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    if not value:
        return default
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} must be a whole number.")
    return int(value)


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A comma-separated list."""
    value = os.environ.get(name, "")
    return [word.strip() for word in value.split(",") if word.strip()] or list(default)


@dataclass(frozen=True)
class MailServer:
    """tls: from the first byte; starttls: asked for after the greeting."""

    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    tls: bool = False
    starttls: bool = False


def mail_server(url: str) -> MailServer:
    """`smtps://user:password@host:465`, or `smtp://…:587`, which asks for TLS unless the host is this machine."""
    if not url:
        return MailServer()
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ImproperlyConfigured("CAREHOME_SMTP must be written smtps://user:password@host or smtp://host.")
    tls = parts.scheme == "smtps"
    return MailServer(
        host=parts.hostname,
        port=parts.port or (465 if tls else 587),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
        starttls=not tls and parts.hostname not in {"localhost", "127.0.0.1", "::1"},
    )


def secret_file(name: str, default: Path) -> str:
    """The content of the file that the variable names; a missing or empty one stops the start."""
    path = Path(os.environ.get(name) or default)
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name}: no readable file at the place it names. Create it, or run `make run`."
        ) from error
    if len(value) < 32:
        raise ImproperlyConfigured(f"{name}: the file it names holds no secret of at least 32 characters.")
    return value


def database(url: str) -> dict[str, object]:
    """Django's settings for one `postgresql://` address.

    A Unix socket is written `postgresql://user:password@/name?host=/folder`. Other query words (sslmode,
    sslrootcert …) are handed to the driver.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured(
            "DATABASE_URL must start with postgresql://. No other engine holds the tenancy wall."
        )
    options: dict[str, object] = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,
        "ATOMIC_REQUESTS": False,
        # The tenant travels in the same message as each statement; a server-side cursor cannot carry it.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": options,
    }
