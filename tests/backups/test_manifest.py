import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backups.errors import ManifestUnreadable, SignatureWrong
from backups.manifest import LedgerMark, Manifest, OrganisationMark, check_signature, from_bytes, signature_line

ORGANISATION = str(UUID(int=7))
KEY = Ed25519PrivateKey.generate()
PUBLIC = {"0123456789abcdef": KEY.public_key().public_bytes_raw()}
NIGHT = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


def manifest(entries: int = 5, **changes) -> Manifest:
    made = Manifest(
        id=UUID(int=1),
        name="20261123T013000Z-00000001",
        created_at=NIGHT,
        size=10,
        sha256="a" * 64,
        dump_bytes=20,
        postgresql="18.6",
        schema="b" * 64,
        tables={"records_daily_note": 3},
        organisations={ORGANISATION: OrganisationMark(rows=3, ledger=LedgerMark(size=entries, digest="c" * 64))},
        wrapping_keys=("w1",),
        recipients=("age1x",),
    )
    return replace(made, **changes)


def signed(content: bytes) -> bytes:
    return signature_line("0123456789abcdef", KEY.sign(content))


def test_from_bytes_gives_back_the_manifest():
    assert from_bytes(manifest().to_bytes()) == manifest()


def test_to_bytes_is_the_same_text_every_time():
    assert manifest().to_bytes() == from_bytes(manifest().to_bytes()).to_bytes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"format": "carehome-backup/1"}',
        manifest().to_bytes()[:-40],
        b"[" * 99_999,
    ],
)
def test_from_bytes_refuses_what_is_no_manifest(content):
    with pytest.raises(ManifestUnreadable):
        from_bytes(content)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "carehome-backup/2"),
        ("size", -1),
        ("size", True),
        ("dump_bytes", "20"),
        ("sha256", "A" * 64),
        ("sha256", 5),
        ("created_at", "2026-11-23T01:30:00"),
        ("tables", {"t": 1.5}),
        ("tables", []),
        ("organisations", {"not a uuid": {}}),
        ("id", "x"),
    ],
)
def test_from_bytes_refuses_a_wrong_field(key, value):
    document = json.loads(manifest().to_bytes()) | {key: value}

    with pytest.raises(ManifestUnreadable):
        from_bytes(json.dumps(document).encode())


def test_check_signature_names_the_key_that_signed():
    content = manifest().to_bytes()

    assert check_signature(content, signed(content), PUBLIC) == "0123456789abcdef"


def test_check_signature_refuses_a_changed_manifest():
    content = manifest().to_bytes()

    with pytest.raises(SignatureWrong, match="changed after it was signed"):
        check_signature(
            content.replace(b'"records_daily_note": 3', b'"records_daily_note": 2'), signed(content), PUBLIC
        )


def test_check_signature_refuses_another_key():
    content = manifest().to_bytes()
    line = signature_line("0123456789abcdef", Ed25519PrivateKey.generate().sign(content))

    with pytest.raises(SignatureWrong):
        check_signature(content, line, PUBLIC)


@pytest.mark.parametrize(
    "line", [b"", b"ed25519", b"ed25519 k !!!", b"\xff", b"rsa 0123456789abcdef AAAA", b"ed25519 ffff AAAA"]
)
def test_check_signature_refuses_what_is_no_signature(line):
    with pytest.raises(SignatureWrong):
        check_signature(manifest().to_bytes(), line, PUBLIC)


def test_is_older_than_knows_a_later_set_by_its_time():
    later = manifest(id=UUID(int=2), created_at=NIGHT + timedelta(days=1))

    assert manifest().is_older_than(later)
    assert not later.is_older_than(manifest())


def test_is_older_than_knows_a_later_set_by_its_ledger_though_the_clock_was_put_back():
    later = manifest(entries=6, id=UUID(int=2), created_at=NIGHT - timedelta(days=1))

    assert manifest().is_older_than(later)


def test_is_older_than_is_false_for_the_same_set():
    assert not manifest().is_older_than(manifest())
