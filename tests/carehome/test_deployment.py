"""The compose file and its secrets: what can be promised about them without a container engine."""

import re
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml
from cryptography import x509

from carehome.embedded import roles, secrets

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder that `docker compose run --rm setup` makes."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    for _ in range(2):
        subprocess.run(
            [sys.executable, "deploy/make_secrets.py", str(folder)], cwd=ROOT, check=True, env={"PYTHONPATH": str(ROOT)}
        )
    return folder


def test_compose_hardens_every_service(compose):
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name


def test_compose_publishes_the_proxy_only(compose):
    assert {name for name, service in compose["services"].items() if "ports" in service} == {"proxy"}
    assert compose["networks"]["inside"]["internal"] is True


def test_compose_runs_the_application_as_nobody_in_particular(compose):
    application = {name for name, service in compose["services"].items() if "carehome:" in service["image"]}

    assert application == {"web", "worker", "backup-worker", "beat", "roles", "migrate", "setup"}
    assert {compose["services"][name]["user"] for name in application - {"setup"}} == {"10001:10001"}


def test_compose_keeps_the_stronger_database_roles_from_the_web_server(compose):
    strong = {"database_owner_url", "database_backup_url", "database_admin_password"}
    holders = {
        name
        for name, service in compose["services"].items()
        if strong & {item if isinstance(item, str) else item["source"] for item in service.get("secrets", [])}
    }

    assert holders == {"backup-worker", "roles", "migrate", "database"}


def test_compose_puts_no_secret_into_the_environment(compose):
    for name, service in compose["services"].items():
        for key, value in service.get("environment", {}).items():
            assert "PASSWORD" not in key or key.endswith("_FILE"), (name, key)
            assert not re.search(r"://[^/]*:[^/]*@", str(value)), (name, key)


def test_compose_names_only_secrets_that_setup_makes(compose, made):
    for name, secret in compose["secrets"].items():
        assert (made / Path(secret["file"]).relative_to("secrets")).is_file(), name
    used = {
        item if isinstance(item, str) else item["source"]
        for service in compose["services"].values()
        for item in service.get("secrets", [])
    }
    assert used == set(compose["secrets"])


def test_compose_covers_every_queue(compose):
    commands = " ".join(str(service.get("command")) for service in compose["services"].values())

    queues = {queue for found in re.findall(r"--queues=([a-z,]+)", commands) for queue in found.split(",")}

    assert queues == {"alerts", "default", "heavy", "backups"}


@pytest.mark.parametrize("role", [role.removeprefix("carehome_") for role in roles.WITH_PASSWORD])
def test_make_secrets_writes_database_urls_that_check_the_certificate(made, role):
    url = urlsplit((made / "database" / f"{role}_url").read_text().strip())

    assert url.username == f"carehome_{role}"
    assert unquote(url.password) == (made / "database" / f"{role}_password").read_text()
    assert parse_qs(url.query)["sslmode"] == ["verify-full"]


def test_make_secrets_signs_a_certificate_for_the_database_alone(made):
    context = ssl.create_default_context(cafile=made / "tls" / "ca.crt")
    context.load_cert_chain(made / "tls" / "server.crt", made / "tls" / "server.key")
    server = x509.load_pem_x509_certificate((made / "tls" / "server.crt").read_bytes())
    authority = x509.load_pem_x509_certificate((made / "tls" / "ca.crt").read_bytes())

    server.verify_directly_issued_by(authority)

    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["database"]


def test_make_secrets_keeps_the_backup_identity_apart_from_the_keys(made):
    assert not (made / "keys" / secrets.BACKUP_IDENTITY).exists()
    assert (made / "offline" / secrets.BACKUP_IDENTITY).exists()
    secrets.check_keys(made / "keys")


def test_make_secrets_closes_the_folder(made):
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (made / "keys").iterdir()} == {0o600}
