import json
import shutil
import subprocess
from dataclasses import replace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyrage import x25519

from audit.signing import Signer, signer
from backups.destinations import DATA, MANIFEST, SIGNATURE, DirectoryDraft
from backups.errors import (
    DataDamaged,
    DestinationUnusable,
    DumpFailed,
    ManifestUnreadable,
    NoDatabase,
    SetNotFound,
    SetSwapped,
    SignatureWrong,
    WrongIdentity,
)
from backups.postgres import Address, program
from backups.sets import check_data, check_opening, known_sets, read_manifest
from tests.backups.house import FIRST, SECOND


def test_make_set_tells_what_a_restore_must_find(kept_house, make):
    manifest = make(kept_house)

    assert manifest.tables["resident"] == 5
    assert manifest.tables["note"] == 20
    assert manifest.tables["audit_event"] == manifest.tables["audit_seal"] == 5
    assert "audit_event_other" not in manifest.tables
    assert manifest.organisations[str(FIRST)].ledger.size == 3
    assert manifest.organisations[str(SECOND)].ledger.size == 2
    assert manifest.organisations[str(FIRST)].rows == 3 + 12 + 3 + 3 + 3 + 1  # …, event, seal, mention, head
    assert manifest.postgresql.startswith("18")


def test_make_set_writes_a_set_that_verifies(kept_house, make, destination, public_keys, identity):
    manifest = make(kept_house)

    assert destination.names() == [manifest.name]
    assert read_manifest(destination, manifest.name, public_keys) == manifest
    check_data(destination, manifest)
    check_opening(destination, manifest, [identity])


def test_make_set_holds_no_clear_data(kept_house, make, destination):
    manifest = make(kept_house)

    content = destination.read(manifest.name, DATA)
    assert content.startswith(b"age-encryption.org/v1\n")
    assert b"carehome" not in content
    assert {path.name for path in (destination.folder / manifest.name).iterdir()} == {DATA, MANIFEST, SIGNATURE}


def test_make_set_counts_and_dumps_one_and_the_same_moment(house, make, destination, identity, monkeypatch):
    """Rows that arrive between the counting and the dump are in neither."""
    from backups import sets

    counted = sets.take_inventory

    def count_then_write(connection):
        inventory = counted(connection)
        house.add(FIRST, residents=7)
        return inventory

    monkeypatch.setattr(sets, "take_inventory", count_then_write)

    manifest = make(house)

    listing = _clear_dump(destination, manifest, identity)
    assert manifest.tables["resident"] == 5
    assert _copied_rows(listing, "resident") == 5


def _clear_dump(destination, manifest, identity):
    import io

    from backups.streams import unseal

    sink = io.BytesIO()
    with destination.open(manifest.name, DATA) as file:
        unseal(file, sink, [identity])
    return subprocess.run(
        [program("pg_restore", 18), "--data-only", "-f", "-"], input=sink.getvalue(), capture_output=True, check=True
    ).stdout


def _copied_rows(script, table):
    body = script.split(f"COPY public.{table} ".encode(), 1)[1].split(b"\n", 1)[1].split(b"\\.\n", 1)[0]
    return len(body.splitlines())


def test_make_set_opens_for_each_recipient(kept_house, make, destination):
    office, safe = x25519.Identity.generate(), x25519.Identity.generate()

    manifest = make(kept_house, recipients=[office.to_public(), safe.to_public()])

    check_opening(destination, manifest, [office])
    check_opening(destination, manifest, [safe])


@pytest.mark.skipif(not (shutil.which("age") and shutil.which("zstd")), reason="age and zstd are not installed")
def test_make_set_opens_with_stock_tools(kept_house, make, destination, identity, tmp_path):
    manifest = make(kept_house)
    (tmp_path / "identity").write_text(str(identity))

    data = destination.folder / manifest.name / DATA
    pipeline = f"age -d -i {tmp_path}/identity {data} | zstd -d | {program('pg_restore', 18)} -l"
    listing = subprocess.run(pipeline, shell=True, capture_output=True, text=True, check=True).stdout

    assert "TABLE DATA public resident carehome_owner" in listing


def test_make_set_refuses_a_role_that_would_miss_rows(kept_house, make, destination):
    with pytest.raises(NoDatabase, match="BYPASSRLS"):
        make(kept_house, database=kept_house.roles.app)

    assert destination.names() == []


def test_make_set_keeps_nothing_when_the_role_may_not_read_a_table(server, kept_house, make, destination):
    with Address.of(server.conninfo("kept")).connect() as admin:
        admin.execute(
            "CREATE ROLE half_blind LOGIN BYPASSRLS PASSWORD 'x'; GRANT CONNECT ON DATABASE kept TO half_blind"
        )
        admin.execute("GRANT USAGE ON SCHEMA public TO half_blind")
    half_blind = Address.of(server.url("kept", user="half_blind", password="x"))

    with pytest.raises(DumpFailed, match="InsufficientPrivilege"):
        make(kept_house, database=half_blind)

    assert destination.names() == []
    with Address.of(server.conninfo("kept")).connect() as admin:
        admin.execute("DROP OWNED BY half_blind; DROP ROLE half_blind")


def test_make_set_names_a_pg_dump_that_dies(kept_house, make, destination, monkeypatch, tmp_path):
    from backups import sets

    dying = tmp_path / "pg_dump"
    dying.write_text('#!/bin/sh\nhead -c 300000 /dev/zero\necho "pg_dump: error: the server went away" >&2\nexit 1\n')
    dying.chmod(0o755)
    monkeypatch.setattr(sets, "program", lambda name, major: dying)

    with pytest.raises(DumpFailed, match="the server went away"):
        make(kept_house)

    assert list(destination.folder.iterdir()) == []


def test_make_set_keeps_nothing_on_a_full_disk(kept_house, make, destination, monkeypatch):
    """/dev/full answers every write as a full disk does."""
    create = DirectoryDraft.create

    def create_on_full_disk(draft, part):
        create(draft, part)
        return open("/dev/full", "wb", buffering=0)

    monkeypatch.setattr(DirectoryDraft, "create", create_on_full_disk)

    with pytest.raises(DestinationUnusable, match="disk is full"):
        make(kept_house)

    assert list(destination.folder.iterdir()) == []


@pytest.fixture
def made(kept_house, make):
    return make(kept_house)


def damage(destination, name, part, change):
    path = destination.folder / name / part
    path.write_bytes(change(path.read_bytes()))


def test_check_data_names_a_cut(made, destination):
    damage(destination, made.name, DATA, lambda content: content[:-1])

    with pytest.raises(DataDamaged, match="cut"):
        check_data(destination, made)


@pytest.mark.parametrize("place", [0, 30, 250, -1])
def test_check_data_notices_one_flipped_bit(made, destination, place):
    def flip(content):
        damaged = bytearray(content)
        damaged[place] ^= 4
        return bytes(damaged)

    damage(destination, made.name, DATA, flip)

    with pytest.raises(DataDamaged):
        check_data(destination, made)


def test_check_data_notices_blocks_in_another_order(made, destination):
    damage(
        destination,
        made.name,
        DATA,
        lambda content: content[:1000] + content[2000:3000] + content[1000:2000] + content[3000:],
    )

    with pytest.raises(DataDamaged):
        check_data(destination, made)


def test_check_data_notices_a_missing_file(made, destination):
    (destination.folder / made.name / DATA).unlink()

    with pytest.raises(DataDamaged, match="no data file"):
        check_data(destination, made)


def test_check_opening_refuses_another_identity(made, destination):
    with pytest.raises(WrongIdentity):
        check_opening(destination, made, [x25519.Identity.generate()])


def test_check_opening_refuses_data_encrypted_anew_for_the_same_recipient(made, destination, identity):
    """Anyone may encrypt for a public recipient, so age alone proves nothing about who did."""
    import io

    from backups.streams import seal

    sink = io.BytesIO()
    seal(io.BytesIO(b"forged dump"), sink, [identity.to_public()])
    (destination.folder / made.name / DATA).write_bytes(sink.getvalue())

    with pytest.raises(DataDamaged):
        check_opening(destination, made, [identity])


def test_read_manifest_refuses_a_changed_count(made, destination, public_keys):
    damage(destination, made.name, MANIFEST, lambda content: content.replace(b'"resident": 5', b'"resident": 4'))

    with pytest.raises(SignatureWrong):
        read_manifest(destination, made.name, public_keys)


def test_read_manifest_refuses_one_of_another_set(made, kept_house, make, destination, public_keys):
    other = make(kept_house)
    for part in (MANIFEST, SIGNATURE):
        shutil.copy(destination.folder / other.name / part, destination.folder / made.name / part)

    with pytest.raises(SetSwapped, match=other.name):
        read_manifest(destination, made.name, public_keys)


def test_read_manifest_refuses_an_older_set_under_the_newest_name(made, kept_house, make, destination, public_keys):
    newest = make(kept_house)
    shutil.rmtree(destination.folder / newest.name)
    (destination.folder / made.name).rename(destination.folder / newest.name)

    with pytest.raises(SetSwapped):
        read_manifest(destination, newest.name, public_keys)


def test_read_manifest_refuses_a_stranger_s_signature(kept_house, make, destination, public_keys):
    stranger = Signer(signer().name, Ed25519PrivateKey.generate())

    manifest = make(kept_house, signer=stranger)

    with pytest.raises(SignatureWrong, match="does not know"):
        read_manifest(destination, manifest.name, public_keys)


@pytest.mark.parametrize(("part", "error"), [(MANIFEST, ManifestUnreadable), (SIGNATURE, SignatureWrong)])
def test_read_manifest_refuses_a_set_that_lacks_a_part(made, destination, public_keys, part, error):
    (destination.folder / made.name / part).unlink()

    with pytest.raises(error):
        read_manifest(destination, made.name, public_keys)


def test_read_manifest_says_when_there_is_no_such_set(destination, public_keys):
    with pytest.raises(SetNotFound):
        read_manifest(destination, "20261123T013000Z-00000000", public_keys)


def test_known_sets_tells_good_from_faulty(made, kept_house, make, destination, public_keys):
    faulty = make(kept_house)
    damage(destination, faulty.name, MANIFEST, lambda content: content[:-5])

    known = known_sets(destination, public_keys)

    assert known.manifests == (made,)
    assert list(known.faults) == [faulty.name]


def test_manifest_is_plain_json(made, destination):
    document = json.loads(destination.read(made.name, MANIFEST))

    assert document["format"] == "carehome-backup/1"
    assert UUID(document["id"]) == made.id
    assert replace(made, tables={}) != made
