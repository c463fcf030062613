"""Settings of the tests: the application's own, over a throw-away cluster and throw-away keys.

One folder per run (CAREHOME_TEST_RUN) is shared by all of pytest-xdist's workers; each worker has its own database.
"""

import os
import tempfile
from pathlib import Path

RUN = Path(os.environ.setdefault("CAREHOME_TEST_RUN", tempfile.mkdtemp(prefix="carehome-test-")))
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")

from carehome.embedded import secrets  # noqa: E402  # the run's folder is settled first
from carehome.embedded.postgres import Cluster  # noqa: E402

CLUSTER = Cluster(RUN / "postgres", durable=False)
PASSWORD = "throw-away"  # of every role: the socket's folder is private
KEYS = RUN / "keys"
if not (KEYS / secrets.SECRET_KEY).exists() and WORKER == "main":
    secrets.write_keys(KEYS)


def url(role: str, database: str) -> str:
    return CLUSTER.url(database, user=role, password=PASSWORD)


DATABASE = f"carehome_test_{WORKER}"
os.environ.update(
    {
        "DATABASE_URL": url("carehome_app", DATABASE),
        "DATABASE_OWNER_URL": url("carehome_owner", DATABASE),
        "DATABASE_BACKUP_URL": url("carehome_backup", DATABASE),
        "CAREHOME_VAR": str(RUN / WORKER),
        "CAREHOME_KEY_DIR": str(KEYS),
        "CAREHOME_INSECURE_HTTP": "1",
        "REDIS_URL": "redis://127.0.0.1:1/0",  # nobody listens: a test that needs the broker starts its own
    }
)

from carehome.settings import *  # noqa: E402, F403

ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one takes 160 ms a person
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# pytest-django knows one database: the owner's connection is opened by hand where a test needs it.
DATABASES = {"default": DATABASES["default"]}  # noqa: F405
