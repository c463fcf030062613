"""Which key may sign what: pure."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.branches import RestoreMarker
from audit.checkpoints import signed
from audit.errors import KeyringDamaged
from audit.keyring import Keyring, KnownKey, dump, ending_at, parse
from audit.notes import CheckpointBody, NoteError
from audit.signing import Signer, verify

HOUSE, OTHER = UUID(int=7), UUID(int=8)
OLD = Signer("example/ledger", Ed25519PrivateKey.from_private_bytes(bytes(32)))
NEW = Signer("example/ledger", Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x01"))
WHEN = datetime(2026, 5, 12, 13, 5, tzinfo=UTC)
RETIRED = KnownKey(OLD.name, OLD.public_key_bytes, retired_at=WHEN, valid_until={HOUSE: 5})
RING = Keyring((RETIRED, KnownKey(NEW.name, NEW.public_key_bytes, made_at=WHEN)))


def note(size, *signers, organisation=HOUSE, name="example/ledger"):
    return signed(CheckpointBody(f"{name}/{organisation}", size, b"r" * 32, b"d" * 32).text(), signers)


@pytest.mark.parametrize("made", [note(5, OLD), note(1, OLD), note(6, NEW), note(6, NEW, OLD), note(5, OLD, NEW)])
def test_checkpoint_opens_under_a_key_that_may_sign_it(made):
    assert RING.checkpoint(made, HOUSE, verify).digest == b"d" * 32


@pytest.mark.parametrize(
    "made",
    [
        note(6, OLD),
        note(1, Signer(OLD.name, Ed25519PrivateKey.generate())),
        note(1, Signer("stranger/ledger", NEW.private_key)),
        note(1, OLD, organisation=OTHER),
        note(5, NEW).replace("\n5\n", "\n4\n"),
        note(5, NEW).partition("\n\n")[0],
        "",
        "\n\n",
    ],
    ids=["beyond", "unknown key", "another name", "another log", "altered", "unsigned", "empty", "blank"],
)
def test_checkpoint_refuses(made):
    with pytest.raises(NoteError):
        RING.checkpoint(made, HOUSE, verify)


def test_a_retired_key_signs_nothing_of_an_organisation_that_came_later():
    with pytest.raises(NoteError):
        RING.checkpoint(note(1, OLD, organisation=OTHER), OTHER, verify)


def test_a_key_being_retired_signs_on_until_each_organisation_has_its_last_size():
    ring = Keyring((replace(RETIRED, retired_at=None),))

    assert ring.checkpoint(note(9, OLD, organisation=OTHER), OTHER, verify).size == 9
    with pytest.raises(NoteError):
        ring.checkpoint(note(6, OLD), HOUSE, verify)


def test_marker_is_believed_from_keys_that_may_sign_at_its_size_only():
    marker = RestoreMarker(f"example/ledger/{HOUSE}", 6, 9, b"d" * 32, WHEN)

    assert RING.marker(signed(marker.text(), [NEW]), HOUSE, verify) == marker
    for made in (signed(marker.text(), [OLD]), signed(marker.text(), [NEW]).replace("\n9\n", "\n8\n")):
        with pytest.raises(NoteError):
            RING.marker(made, HOUSE, verify)


def test_present_does_not_bring_a_retired_key_back():
    assert RING.present(OLD.name, OLD.public_key_bytes) == RING
    assert RING.present("new name", OLD.public_key_bytes) == RING
    assert not RING.may_sign(OLD.public_key_bytes, HOUSE, 6)
    assert RING.may_sign(OLD.public_key_bytes, HOUSE, 5)


@given(st.dictionaries(st.uuids(), st.integers(min_value=0, max_value=2**62)))
def test_dump_and_parse_are_each_others_inverse(sizes):
    key = RETIRED
    for organisation, size in sizes.items():
        key = ending_at(key, organisation, size)

    assert parse(dump(Keyring((key,)))) == Keyring((key,))


@pytest.mark.parametrize("name", ["public_key", "key_id", "valid_until", "name", "made_at"])
def test_parse_refuses_a_file_that_was_damaged(name):
    content = json.loads(dump(RING))
    content["keys"][0][name] = "AAAA"
    without = json.loads(dump(RING))
    del without["keys"][0][name]

    for damaged in (json.dumps(without), "[]", "{", dump(RING)[:-40]):
        with pytest.raises(KeyringDamaged):
            parse(damaged)
    if name != "name":
        with pytest.raises(KeyringDamaged):
            parse(json.dumps(content))
