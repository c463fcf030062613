"""The bytes and hashes that FORMAT.md promises, the tree, and signed notes."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit import merkle, notes, signing
from audit.canonical import GENESIS, EntryBody, binding, canonical, commitment, leaf, link
from audit.chain import BreakKind, ChainBreak, ChainHead, SealedEntry, first_break
from carehome.environment import ROOT

FORMAT = (ROOT / "audit" / "FORMAT.md").read_text()
ONE = EntryBody(
    organisation_id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
    seq=1,
    event_id=UUID("01890a5d-ac97-7000-8000-000000000001"),
    at=datetime(2026, 5, 12, 13, 5, 0, 123456, tzinfo=UTC),
    kind="view",
    actor="staff:01890a5d-ac96-7000-8000-00000000000a",
    action="records.resident.viewed",
    subject="resident:01890a5d-ac96-7000-8000-00000000000b",
    device="device:01890a5d-ac96-7000-8000-00000000000c",
    care_home_id=UUID("01890a5d-ac96-7000-8000-00000000000d"),
    residents=[UUID("01890a5d-ac96-7000-8000-00000000000b")],
    commitment=commitment(bytes(range(32)), b"ciphertext"),
    version=1,
)
TWO = replace(
    ONE,
    seq=2,
    event_id=UUID("01890a5d-ac97-7000-8000-000000000002"),
    at=datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    kind="act",
    actor="system:seed_demo",
    action="access.staff.added",
    subject="staff:01890a5d-ac96-7000-8000-00000000000a",
    device=None,
    care_home_id=None,
    residents=[],
    commitment=commitment(bytes(32), b""),
)


THREE = replace(ONE, seq=3, version=2, count=4, sealed_at=datetime(2026, 5, 12, 13, 6, 0, 654321, tzinfo=UTC))


def test_published_vectors_are_what_the_code_makes():
    first = link(GENESIS, leaf(ONE))
    second = link(first, leaf(TWO))
    frontier, _ = merkle.extend([], 0, [leaf(ONE), leaf(TWO), leaf(THREE)])

    for value in (ONE.commitment, TWO.commitment, leaf(ONE), leaf(TWO), leaf(THREE), first, second):
        assert value.hex() in FORMAT
    assert link(second, leaf(THREE)).hex() in FORMAT
    assert binding(THREE).hex() in FORMAT
    assert merkle.root(frontier).hex() in FORMAT
    assert canonical(TWO).hex().removesuffix(TWO.commitment.hex()) in FORMAT.replace("`\n`", "")
    assert canonical(THREE).hex().removesuffix(THREE.commitment.hex()) in FORMAT.replace("`\n`", "")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "act"},
        {"actor": "staff:x"},
        {"device": None},
        {"care_home_id": None},
        {"residents": []},
        {"seq": 4},
        {"at": datetime(2026, 5, 12, 13, 5, 0, 123457, tzinfo=UTC)},
        {"commitment": bytes(32)},
        {"count": 5},
        {"sealed_at": datetime(2026, 5, 12, 13, 6, 0, 654322, tzinfo=UTC)},
        {"version": 1},
    ],
)
def test_leaf_changes_with_every_field(change):
    assert leaf(replace(THREE, **change)) != leaf(THREE)


@pytest.mark.parametrize("change", [{"version": 3}, {"version": 0}, {"sealed_at": None}])
def test_leaf_of_a_version_nobody_knows_is_refused(change):
    with pytest.raises(ValueError, match="unknown version"):
        leaf(replace(THREE, **change))


@pytest.mark.parametrize("change", [{"version": 7}, {"sealed_at": None}, {"version": 1}])
def test_first_break_calls_an_entry_of_another_version_altered(change):
    entries = chain(3)
    entries[1] = replace(entries[1], body=replace(entries[1].body, **change))

    assert first_break(entries, after=ChainHead()) == ChainBreak(2, BreakKind.ALTERED)


def test_canonical_cannot_be_shifted_between_fields():
    assert canonical(replace(ONE, actor="a:b", action="c.d")) != canonical(replace(ONE, actor="a:bc", action=".d"))


def chain(count: int) -> list[SealedEntry]:
    entries, digest = [], GENESIS
    for seq in range(1, count + 1):
        body = replace(THREE, seq=seq)
        digest = link(digest, leaf(body))
        entries.append(SealedEntry(seq, leaf(body), digest, body))
    return entries


def test_first_break_gives_the_head_of_a_whole_chain():
    entries = chain(5)

    assert first_break(entries, after=ChainHead()) == ChainHead(5, entries[-1].digest)
    assert first_break(entries[3:], after=ChainHead(3, entries[2].digest)) == ChainHead(5, entries[-1].digest)


@given(st.integers(0, 5), st.integers(0, 255))
def test_first_break_names_any_flipped_bit_of_a_digest(place, bit):
    entries = chain(6)
    digest = bytearray(entries[place].digest)
    digest[bit // 8] ^= 1 << bit % 8
    entries[place] = replace(entries[place], digest=bytes(digest))

    assert first_break(entries, after=ChainHead()) == ChainBreak(place + 1, BreakKind.REORDERED)


@given(st.integers(0, 5))
def test_first_break_names_a_deleted_entry(place):
    entries = chain(6)
    del entries[place]

    found = first_break(entries, after=ChainHead())

    assert found == (ChainBreak(place + 1, BreakKind.MISSING) if place < 5 else ChainHead(5, entries[-1].digest))


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=70), st.integers(0, 70))
def test_extend_in_parts_gives_the_tree_of_the_whole(leaves, cut):
    """The tree by its recursive definition in RFC 9162, section 2.1.1."""

    def mth(items):
        if len(items) < 2:
            return items[0] if items else hashlib.sha256(b"").digest()
        split = 1 << (len(items) - 1).bit_length() - 1
        return merkle.node(mth(items[:split]), mth(items[split:]))

    first, size = merkle.extend([], 0, leaves[:cut])
    whole, size = merkle.extend(merkle.unpack(merkle.pack(first)), size, leaves[cut:])

    assert (merkle.root(whole), size) == (mth(leaves), len(leaves))


KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
BODY = notes.CheckpointBody(origin="example/log", size=7, root=bytes(32), digest=bytes(range(32)))
NOTE = notes.sign(BODY.text(), name="example", public_key=PUBLIC, signature=KEY.sign(BODY.text().encode()))


def test_open_note_gives_what_was_signed():
    assert notes.open_note(NOTE, keys={"example": PUBLIC}, verify=signing.verify) == BODY


@pytest.mark.parametrize(
    "forged",
    [
        NOTE.replace("\n7\n", "\n8\n"),
        NOTE.replace("example/log", "example/other"),
        NOTE.replace("— example", "— somebody"),
        NOTE.split("\n\n")[0],
        NOTE[:-4],
        "",
        BODY.text() + "\n— example AAAA\n",
    ],
)
def test_open_note_refuses_a_forged_one(forged):
    with pytest.raises(notes.NoteError):
        notes.open_note(forged, keys={"example": PUBLIC}, verify=signing.verify)


def test_open_note_refuses_an_unknown_key():
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()

    with pytest.raises(notes.NoteError):
        notes.open_note(NOTE, keys={"example": stranger}, verify=signing.verify)
