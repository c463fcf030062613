"""Make every password, key and certificate of a compose installation, once: `docker compose run --rm setup`.

Files that are there are left alone, so it can be run again after an upgrade that needs one more. Keep a copy of the
folder where this machine cannot reach it; without the wrapping key no record can be read, without the backup identity
no backup can be opened.
"""

import datetime
import os
import secrets as random
import sys
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from audit.keyring import Keyring, dump
from carehome.embedded.secrets import BACKUP_IDENTITY, kept_password, write_keys, write_private

APPLICATION = 10001  # the uid of the application's image
DATABASE = 999  # the uid of the PostgreSQL image
_YEARS = datetime.timedelta(days=3650)


def main(folder: Path) -> None:
    write_keys(folder / "keys")
    _write(folder / "keys" / "signing-keys.json", dump(Keyring(())).encode())
    _set_aside(folder / "keys" / BACKUP_IDENTITY, folder / "offline" / BACKUP_IDENTITY)
    _passwords_and_urls(folder)
    _certificates(folder / "tls")
    if os.geteuid() == 0:
        _hand_over(folder)
    print(
        f"The secrets are in {folder}. Copy them to a safe place, and take offline/{BACKUP_IDENTITY} off this machine."
    )


def _passwords_and_urls(folder: Path) -> None:
    kept_password(folder / "database" / "admin_password")
    for role in ("owner", "app", "backup"):
        password = kept_password(folder / "database" / f"{role}_password")
        tls = "sslmode=verify-full&sslrootcert=/run/secrets/database_ca&connect_timeout=5"
        url = f"postgresql://carehome_{role}:{quote(password, safe='')}@database:5432/carehome?{tls}\n"
        _write(folder / "database" / f"{role}_url", url.encode())
    password = kept_password(folder / "broker" / "password")
    _write(folder / "broker" / "url", f"redis://:{quote(password, safe='')}@broker:6379/0\n".encode())
    lines = [f"requirepass {password}", "appendonly yes", 'save ""', "dir /data", "maxmemory-policy noeviction", ""]
    _write(folder / "broker" / "valkey.conf", "\n".join(lines).encode())


def _certificates(folder: Path) -> None:
    """An authority for the database alone, and the server's certificate for the name `database`."""
    if (folder / "server.crt").exists():
        return
    authority_key = _key(folder / "ca.key")
    authority = _name("carehome database authority")
    own = x509.BasicConstraints(ca=True, path_length=0)
    root = _signed(authority, authority, authority_key, authority_key, (own, True))
    server_key = _key(folder / "server.key")
    names = x509.SubjectAlternativeName([x509.DNSName("database")])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    server = _signed(_name("database"), authority, server_key, authority_key, (names, False), (usage, False))
    _write(folder / "ca.crt", root.public_bytes(Encoding.PEM))
    _write(folder / "server.crt", server.public_bytes(Encoding.PEM))


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        write_private(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    found = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path.name} holds a key of another kind")
    return found


def _signed(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    *extensions: tuple[x509.ExtensionType, bool],
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=random.randbits(127) + 1,
        not_valid_before=now - datetime.timedelta(minutes=5),
        not_valid_after=now + _YEARS,
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(by, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _write(path: Path, content: bytes) -> None:
    if not path.exists():
        write_private(path, content)


def _set_aside(source: Path, target: Path) -> None:
    if source.exists() and not target.exists():
        write_private(target, source.read_bytes())
        source.unlink()


def _hand_over(folder: Path) -> None:
    """Each file to the account that reads it; the folder itself stays closed to everybody on the host but root."""
    for path in folder.rglob("*"):
        os.chown(path, APPLICATION, APPLICATION)
    os.chown(folder / "tls" / "server.key", DATABASE, DATABASE)
    # Read by the images' own accounts, whose numbers are theirs to choose; the closed folder above protects them.
    for name in ("database/admin_password", "broker/valkey.conf", "tls/ca.crt", "tls/server.crt"):
        (folder / name).chmod(0o444)
    folder.chmod(0o700)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "secrets"))
