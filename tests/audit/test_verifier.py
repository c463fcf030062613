"""The standalone verifier over files made here: whole ones, forged ones, and nonsense. Needs no database."""

import argparse
import base64
import gzip
import hashlib
import io
import json
import struct
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import chain, containers, merkle, notes
from audit.canonical import GENESIS, EntryBody, binding, canonical, commitment, leaf, link, microseconds
from audit.chain import BreakKind, ChainBreak, ChainHead, SealedEntry
from audit.containers import Shown, Writer
from audit.verify import blocks, command, entries, files, frames, proofs, signed
from audit.verify import containers as verifier_containers
from audit.verify.containers import SUFFIX

ORGANISATION = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
HOME = UUID("01890a5d-ac96-7000-8000-00000000000d")
RESIDENT = UUID("01890a5d-ac96-7000-8000-00000000000b")
START = datetime(2026, 5, 12, 13, 5, 0, 123456, tzinfo=UTC)


class Signer:
    name = "example"

    def __init__(self, seed):
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public_key_bytes = self._key.public_key().public_bytes_raw()

    def sign(self, message):
        return self._key.sign(message)

    def note(self, text):
        return notes.sign(text, name=self.name, public_key=self.public_key_bytes, signature=self.sign(text.encode()))


OURS, THEIRS = Signer(1), Signer(2)
KEY = OURS.public_key_bytes
FINGERPRINT = hashlib.sha256(KEY).hexdigest()


def body(seq, **changes):
    values = {
        "organisation_id": ORGANISATION, "seq": seq, "event_id": UUID(int=seq), "at": START + timedelta(seconds=seq),
        "kind": "view", "actor": "staff:a", "action": "records.resident.viewed", "subject": "resident:b",
        "device": "device:c", "care_home_id": HOME, "residents": [RESIDENT],
        "commitment": commitment(bytes([seq % 256]) * 32, b"cipher %d" % seq), "sealed_at": START, "count": 3,
    }  # fmt: skip
    return EntryBody(**values | changes)


def shown(seq, *, plaintext=None, **changes):
    entry = canonical(body(seq, **changes))
    return Shown(
        seq, entry, hashlib.sha256(b"\x00" + entry).digest(), bytes([seq % 256]) * 32, b"cipher %d" % seq, plaintext
    )


ALL = [shown(seq) for seq in range(1, 41)]
LEAVES = [entry.leaf for entry in ALL]


def digest_after(seq, leaves=LEAVES):
    digest = GENESIS
    for each in leaves[:seq]:
        digest = link(digest, each)
    return digest


def checkpoint(size, *, signer=OURS, organisation=ORGANISATION, leaves=LEAVES, digest=None, root=None):
    tree = merkle.root(merkle.extend([], 0, leaves[:size])[0])
    where = f"{signer.name}/{organisation}"
    return signer.note(notes.CheckpointBody(where, size, root or tree, digest or digest_after(size, leaves)).text())


def written(
    kind="segment", first=1, last=12, size=14, *, only=None, ledger=ALL, details=False, signer=OURS, keys=None,
    previous=None, note=None, before=None, cut=None, organisation=ORGANISATION,
):  # fmt: skip
    """A file of entries first … last (of an extract: those in `only`). cut: block size, to have several of them."""
    stream = io.BytesIO()
    leaves = [entry.leaf for entry in ledger]
    whole = Writer(
        stream,
        kind=kind,
        organisation_id=organisation,
        signer=signer,
        keys=[signer.public_key_bytes] if keys is None else keys,
        about={"day": "2026-05-12"},
        before=digest_after(first - 1, leaves) if before is None else before,
        with_details=details,
        previous=previous,
    )
    for entry in ledger[:last]:
        if entry.seq in (range(first, last + 1) if only is None else only):
            for level, index in merkle.cover(whole.tree.size, entry.seq - 1):
                whole.hide(level, merkle.perfect_root(leaves[index << level : (index + 1) << level]))
            whole.show(entry)
            if cut and entry.seq % cut == 0:
                whole.flush()
    for level, index in merkle.cover(whole.tree.size, size):
        whole.hide(level, merkle.perfect_root(leaves[index << level : (index + 1) << level]))
    whole.finish(note or checkpoint(size, leaves=leaves))
    return stream.getvalue()


def check(data, **options):
    return files.check(io.BytesIO(data), **options)


def problem(data, **options):
    found = check(data, **options).problem
    return found and (str(found.kind), found.seq, found.text)


def parts(data):
    """The frames of a file, as (type, payload)."""
    stream = io.BytesIO(data)
    frames.read_magic(stream)
    return [(frame.type, frame.payload) for frame in frames.frames(stream)]


def joined(found):
    return frames.MAGIC + b"".join(frames.pack(type_, payload) for type_, payload in found)


def with_entries(pieces, leaves=None, *, first=1, before=GENESIS):
    """A block's payload out of canonical bytes; leaves: as stated in it."""
    made = leaves or [hashlib.sha256(b"\x00" + piece).digest() for piece in pieces]
    return blocks.pack(first, before, pieces, made)


# --- the pure modules it stands on -----------------------------------------------------------------------------------

ONE = body(
    1, version=1, event_id=UUID("01890a5d-ac97-7000-8000-000000000001"), at=START, sealed_at=None, count=1,
    actor="staff:01890a5d-ac96-7000-8000-00000000000a", subject=f"resident:{RESIDENT}",
    device="device:01890a5d-ac96-7000-8000-00000000000c", commitment=commitment(bytes(range(32)), b"ciphertext"),
)  # fmt: skip
TWO = replace(
    ONE, seq=2, event_id=UUID("01890a5d-ac97-7000-8000-000000000002"), kind="act", actor="system:seed_demo",
    at=datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), action="access.staff.added",
    subject="staff:01890a5d-ac96-7000-8000-00000000000a", device=None, care_home_id=None, residents=[],
    commitment=commitment(bytes(32), b""),
)  # fmt: skip
THREE = replace(ONE, seq=3, version=2, sealed_at=datetime(2026, 5, 12, 13, 6, 0, 654321, tzinfo=UTC), count=4)


def test_published_vectors():
    digest = GENESIS
    found = []
    for entry in (ONE, TWO, THREE):
        digest = link(digest, leaf(entry))
        found.append((leaf(entry).hex(), digest.hex()))

    assert found == [
        (
            "1229f22168b7970384f1c0263657078a6667a4a48c02c8633ad8b7e298586b11",
            "36a551d9b6deb179cbcdd01a914bc5a17b99e43dba1420af6f867ff60c2e15b3",
        ),
        (
            "53b046b692f981a19380b2d0bb4af7df2f86fbdb6f9096d62e996a983efab3f5",
            "36bc0f3cc1412bafb4accd73882a34671cae915ede5eb2b126a1420be579e899",
        ),
        (
            "e9797dd69380b8bcf3d116fc3782233ce31529c60d1a874af1d516baeb9c4426",
            "d98c93d4914304deff5556441b874f9f4e1c4ec4ad17d9624e2c5166b3a35bd7",
        ),
    ]
    assert binding(THREE).hex() == "4a7c341e1b5990347da564a28ec092f40b9eb67b43e9d19c1d181be99d6d6541"
    assert microseconds(datetime(2000, 1, 1, 0, 0, 1, 1, tzinfo=UTC)) == 1_000_001
    tree, size = merkle.extend([], 0, [leaf(ONE), leaf(TWO), leaf(THREE)])
    assert merkle.root(tree).hex() == "188b1ecbb357bc23e4ecc5b9fd41d9a62498af9599e8bbf96cd6eea2b65538c6"
    assert merkle.root(merkle.unpack(merkle.pack(tree))) == merkle.root(tree)
    assert size == 3


@pytest.mark.parametrize("changes", [{"version": 3}, {"sealed_at": None}])
def test_canonical_refuses_an_entry_of_no_known_version(changes):
    with pytest.raises(ValueError, match=r"^An entry of an unknown version\.$"):
        canonical(replace(THREE, **changes))


def sealed_chain(bodies):
    digest, found = GENESIS, []
    for each in bodies:
        digest = link(digest, leaf(each))
        found.append(SealedEntry(each.seq, leaf(each), digest, each))
    return found


def test_first_break_names_the_first_entry_that_does_not_follow():
    whole = sealed_chain([ONE, TWO, THREE])
    start = ChainHead()

    assert chain.first_break(whole, after=start) == ChainHead(3, whole[2].digest)
    assert chain.first_break([], after=start) == start == ChainHead(0, bytes(32))
    assert chain.first_break(whole[1:], after=ChainHead(1, whole[0].digest)) == ChainHead(3, whole[2].digest)
    assert chain.first_break(whole[1:], after=start) == ChainBreak(1, BreakKind.MISSING)
    gone = replace(whole[1], body=None)
    assert chain.first_break([whole[0], gone], after=start) == ChainBreak(2, BreakKind.MISSING)
    altered = replace(whole[1], body=replace(TWO, actor="staff:x"))
    assert chain.first_break([whole[0], altered], after=start) == ChainBreak(2, BreakKind.ALTERED)
    unknown = replace(whole[1], body=replace(TWO, version=9))
    assert chain.first_break([whole[0], unknown], after=start) == ChainBreak(2, BreakKind.ALTERED)
    moved = replace(whole[1], digest=bytes(32))
    assert chain.first_break([whole[0], moved], after=start) == ChainBreak(2, BreakKind.REORDERED)


def holds(key, signature, message):
    return signed._verifies(key, signature, message)


def test_open_note_gives_what_a_known_key_signed():
    text = notes.CheckpointBody("example/log", 7, bytes(32), bytes(range(32)))
    note = OURS.note(text.text())

    assert notes.open_note(note, keys={"example": KEY}, verify=holds) == text
    assert note.startswith(f"example/log\n7\n{'A' * 43}=\nchain AAECAwQF")
    for forged, why in [
        (note.replace("\n7\n", "\n8\n"), "No signature by a known key holds."),
        (note.replace("— ", "- "), "No signature by a known key holds."),
        (note.replace("— example", "— other"), "No signature by a known key holds."),
        (note.split("\n\n")[0], "No signature."),
        (note[:-4] + "\n", "No signature by a known key holds."),
        (note.replace("= \n", "?\n")[:-2] + "?\n", "No signature by a known key holds."),
        (OURS.note("one line\n"), "Not a checkpoint."),
        (OURS.note("a\nseven\nAA==\nchain AA==\n"), "Not a checkpoint."),
        (OURS.note("a\n7\nAA==\nchaim AA==\n"), "Not a checkpoint."),
        (OURS.note("a\n7\n!\nchain AA==\n"), "Not a checkpoint."),
        (OURS.note("a\n7\nAA==\nchain !\n"), "Not a checkpoint."),
    ]:
        with pytest.raises(notes.NoteError) as raised:
            notes.open_note(forged, keys={"example": KEY}, verify=holds)
        assert str(raised.value) == why


# --- fields of an entry ----------------------------------------------------------------------------------------------


def test_fields_are_what_was_sealed_in_both_versions():
    assert entries.fields(canonical(THREE)) == {
        "version": 2,
        "organisation": "01890a5d-ac96-774b-bcce-b302099a8057",
        "seq": 3,
        "event": "01890a5d-ac97-7000-8000-000000000001",
        "at": "2026-05-12T13:05:00.123456Z",
        "sealed_at": "2026-05-12T13:06:00.654321Z",
        "count": 4,
        "kind": "view",
        "actor": "staff:01890a5d-ac96-7000-8000-00000000000a",
        "action": "records.resident.viewed",
        "subject": "resident:01890a5d-ac96-7000-8000-00000000000b",
        "device": "device:01890a5d-ac96-7000-8000-00000000000c",
        "care_home": "01890a5d-ac96-7000-8000-00000000000d",
        "residents": ["01890a5d-ac96-7000-8000-00000000000b"],
        "commitment": "230f86d65d42f078eb5cdf13e3ee90e7125e3bed77eb93252ef8261c80d7a1f1",
    }
    old = entries.fields(canonical(TWO))
    assert (old["version"], old["sealed_at"], old["count"], old["at"]) == (1, None, 1, "1999-12-31T23:59:59.999999Z")
    assert (old["device"], old["care_home"], old["residents"]) == (None, None, [])


def test_fields_refuse_every_entry_cut_short_or_lengthened():
    whole = canonical(THREE)

    for length in range(len(whole)):
        with pytest.raises(entries.Unreadable):
            entries.fields(whole[:length])
    with pytest.raises(entries.Unreadable, match=r"^Something stands behind the entry\.$"):
        entries.fields(whole + b"\x00")
    with pytest.raises(entries.Unreadable, match=r"^A field is longer than the entry\.$"):
        entries.fields(whole[:-1])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x03" + canonical(THREE)[1:],
        canonical(THREE).replace(b"view", b"vi\xffw"),
        canonical(THREE).replace(struct.pack(">i", 4) + b"view", struct.pack(">i", -2) + b"view"),
        canonical(THREE).replace(struct.pack(">q", microseconds(START)), b"\x7f" * 8),
    ],
)
def test_fields_refuse_what_is_no_entry(data):
    with pytest.raises(entries.Unreadable, match=r"^(The entry's bytes are not in the ledger's format|A field is )"):
        entries.fields(data)


def test_fields_say_what_is_no_entry():
    with pytest.raises(entries.Unreadable, match=r"^The entry's bytes are not in the ledger's format\.$"):
        entries.fields(b"\x03")


# --- signed notes ----------------------------------------------------------------------------------------------------


def refusal(function, *arguments):
    with pytest.raises(signed.BadSignature) as raised:
        function(*arguments)
    return str(raised.value)


UNKNOWN = "No signature by a known key holds."


def test_open_text_takes_any_line_by_a_key_in_hand():
    text = "a\nb\n"
    note = OURS.note(text)
    both = note + THEIRS.note(text).partition("\n\n")[2]

    assert signed.open_text(note, [KEY]) == text
    assert signed.open_text(both, [THEIRS.public_key_bytes]) == text
    assert signed.open_text(both, [KEY, THEIRS.public_key_bytes]) == text
    for forged in (
        note.replace("a\n", "c\n", 1),
        note.replace("— ", "- "),
        note.replace("— example", "— other"),
        note[:-6] + "\n",
        note.rstrip("\n") + "!\n",
        text,
        "",
        "\n\n",
        note.replace("\n\n", "\n"),
    ):
        assert refusal(signed.open_text, forged, [KEY]) == UNKNOWN
    assert refusal(signed.open_text, note, []) == UNKNOWN
    assert refusal(signed.open_text, note, [THEIRS.public_key_bytes]) == UNKNOWN
    assert refusal(signed.open_text, note, [KEY[:31]]) == UNKNOWN


def test_open_text_refuses_a_signature_whose_key_only_looks_alike():
    """The four bytes that name a key prove nothing."""
    name_hash = hashlib.sha256(b"example\n\x01" + KEY).digest()[:4]
    forged = THEIRS.sign(b"a\n")
    note = f"a\n\n— example {base64.b64encode(name_hash + forged).decode()}\n"

    assert refusal(signed.open_text, note, [KEY]) == UNKNOWN
    assert not signed._verifies(KEY[:5], forged, b"a\n")


def test_open_checkpoint_gives_its_fields():
    note = checkpoint(7)

    assert signed.open_checkpoint(note, [KEY]) == signed.Checkpoint(
        f"example/{ORGANISATION}",
        str(ORGANISATION),
        7,
        merkle.root(merkle.extend([], 0, LEAVES[:7])[0]),
        digest_after(7),
    )
    hash_ = base64.b64encode(bytes(32)).decode()
    assert signed.open_checkpoint(OURS.note(f"a/b/c\n7\n{hash_}\nchain {hash_}\nmore\n"), [KEY]).organisation == "c"
    for text, why in [
        (f"a\n7\n{hash_}\n", "The note is not a checkpoint."),
        (f"a\n7\n{hash_}\nchair {hash_}\n", "The note is not a checkpoint."),
        (f"a\n-7\n{hash_}\nchain {hash_}\n", "A number in the note cannot be read."),
        (f"a\n٧\n{hash_}\nchain {hash_}\n", "A number in the note cannot be read."),
        (f"a\n{'1' * 19}\n{hash_}\nchain {hash_}\n", "A number in the note cannot be read."),
        (f"a\n7\n{hash_[4:]}\nchain {hash_}\n", "A hash in the note cannot be read."),
        (f"a\n7\n{hash_}\nchain é\n", "A hash in the note cannot be read."),
        (f"a\n7\n{hash_}\nchain *{hash_}\n", "A hash in the note cannot be read."),
    ]:
        assert refusal(signed.open_checkpoint, OURS.note(text), [KEY]) == why
    assert signed.open_checkpoint(OURS.note(f"a\n{'1' * 18}\n{hash_}\nchain {hash_}\n"), [KEY]).size == int("1" * 18)


TRAILER = signed.Trailer("segment", str(ORGANISATION), 3, 9, 7, b"b" * 32, b"a" * 32, b"c" * 32, b"p" * 32)


def test_trailers_open_as_they_were_signed():
    text = signed.trailer_text(TRAILER, signer="example")

    assert signed.open_trailer(OURS.note(text), [KEY]) == TRAILER
    alone = replace(TRAILER, previous=None)
    assert signed.open_trailer(OURS.note(signed.trailer_text(alone, signer="e")), [KEY]) == alone
    assert text == (
        f"carehome-ledger-file/1 segment\nexample/{ORGANISATION}\n3 9 7\n"
        "chain YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI= YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=\n"
        "content Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2M=\n"
        "previous cHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHA=\n"
    )
    for old, new in [
        ("carehome-ledger-file/1", "carehome-ledger-file/2"), ("chain", "chair"), ("content", "contents"),
        ("previous", "earlier"), ("3 9 7", "3 9"), ("segment\n", "segment x\n"), ("previous ", "previous"),
    ]:  # fmt: skip
        forged = OURS.note(text.replace(old, new))
        assert refusal(signed.open_trailer, forged, [KEY]) == "The note is not the trailer of a file."
    assert refusal(signed.open_trailer, checkpoint(3), [KEY]) == "The note is not the trailer of a file."
    assert refusal(signed.open_trailer, OURS.note(text), [THEIRS.public_key_bytes]) == UNKNOWN
    assert refusal(signed.open_trailer, OURS.note(text.replace("3 9", "x 9")), [KEY]).startswith("A number")
    assert refusal(signed.open_trailer, OURS.note(text.replace("YmJi", "")), [KEY]).startswith("A hash")


# --- frames ----------------------------------------------------------------------------------------------------------


def test_frames_come_back_as_they_were_packed():
    data = frames.MAGIC + frames.pack(frames.HEADER, b"head") + frames.pack(frames.ENTRIES, b"entries")
    stream = io.BytesIO(data)
    frames.read_magic(stream)

    assert list(frames.frames(stream)) == [
        frames.Frame(b"H", 23, 4, b"head"),
        frames.Frame(b"E", 32, 7, b"entries"),
    ]
    stream.seek(len(frames.MAGIC))
    assert list(frames.frames(stream, skipping=frames.ENTRIES))[1] == frames.Frame(b"E", 32, 7, None)


def test_frames_have_the_limits_that_the_format_states():
    assert frames.LIMITS == {b"H": 65536, b"E": 33554432, b"D": 33554432, b"S": 65536, b"N": 65536, b"Z": 65536}
    assert len(frames.pack(frames.HEADER, bytes(65536))) == 65541
    with pytest.raises(ValueError, match=r"^The payload is larger than a frame may be\.$"):
        frames.pack(frames.HEADER, bytes(65537))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"H\x00\x00", "It ends within a frame."),
        (b"H\x00\x00\x00\x05head", "It ends within a frame."),
        (b"X\x00\x00\x00\x00", "It holds a frame of an unknown type, or one that is too long."),
        (b"H\x00\x01\x00\x01" + bytes(70000), "It holds a frame of an unknown type, or one that is too long."),
        (b"E\x40\x00\x00\x00", "It holds a frame of an unknown type, or one that is too long."),
    ],
)
def test_frames_refuse_what_is_cut_or_claims_too_much(data, why):
    with pytest.raises(frames.Damaged) as raised:
        list(frames.frames(io.BytesIO(data)))
    assert str(raised.value) == why


@pytest.mark.parametrize("data", [b"", b"carehome-ledger/2\n", frames.MAGIC[:-1]])
def test_read_magic_refuses_any_other_file(data):
    with pytest.raises(frames.NotALedgerFile) as raised:
        frames.read_magic(io.BytesIO(data))
    assert str(raised.value) == "It does not begin as a file of the ledger does."


# --- blocks ----------------------------------------------------------------------------------------------------------


def block_of(payload, **options):
    return blocks.verify(payload, ORGANISATION.bytes, details=options.pop("details", None), **options)


PIECES = [entry.canonical for entry in ALL]


def test_verify_gives_the_tree_and_the_chain_of_a_block():
    found = block_of(with_entries(PIECES[2:9], first=3, before=digest_after(2)))

    assert (found.first, found.count, found.before, found.broken) == (3, 7, digest_after(2), None)
    assert found.after == found.cuts[-1].digest == digest_after(9)
    assert found.cuts[0].subtrees == list(merkle.subtrees(2, LEAVES[2:9]))
    assert found.versions == (2, 2)
    assert found.content == hashlib.sha256(struct.pack(">qI32s", 3, 7, digest_after(2)) + digest_after(9)).digest()
    assert blocks.Block(1, 1, b"before").after == b"before"


def test_verify_cuts_where_a_checkpoint_wants_the_tree():
    found = block_of(with_entries(PIECES[2:9], first=3, before=digest_after(2)), at=[1, 2, 3, 7, 9, 10])

    assert [cut.size for cut in found.cuts] == [3, 7, 9]
    assert [cut.digest for cut in found.cuts] == [digest_after(3), digest_after(7), digest_after(9)]
    assert found.cuts[1].subtrees == list(merkle.subtrees(3, LEAVES[3:7]))


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "A block is too short."),
        (bytes(43), "A block is too short."),
        (bytes(44), "A block states numbers that it cannot have."),
        (struct.pack(">qI32s", 1, 4097, bytes(32)) + bytes(4097 * 36), "A block states numbers that it cannot have."),
        (struct.pack(">qI32s", 0, 1, bytes(32)) + bytes(36), "A block states numbers that it cannot have."),
        (struct.pack(">qI32s", 1 << 62, 1, bytes(32)) + bytes(36), "A block states numbers that it cannot have."),
        (struct.pack(">qI32s", 1, 1, bytes(32)) + bytes(35), "A block states numbers that it cannot have."),
        (struct.pack(">qI32s", 1, 1, bytes(32)) + bytes(37), "The entries of a block do not fill it."),
        (with_entries(PIECES[:2]) + b"\x00", "The entries of a block do not fill it."),
        (with_entries(PIECES[:2])[:-1], "The entries of a block do not fill it."),
    ],
)
def test_unpack_refuses_a_block_whose_numbers_do_not_fit(payload, why):
    with pytest.raises(blocks.BadBlock) as raised:
        blocks.unpack(payload)
    assert str(raised.value) == why


def test_unpack_takes_the_largest_numbers_a_block_may_have():
    assert blocks.MOST_ENTRIES == 4096
    assert len(blocks.unpack(struct.pack(">qI32s", (1 << 62) - 1, 4096, bytes(32)) + bytes(4096 * 36))[2]) == 4096
    assert blocks.unpack(struct.pack(">qI32s", 1, 1, bytes(32)) + bytes(36))[0] == 1


STRANGER = body(3, organisation_id=UUID(int=5))


@pytest.mark.parametrize(
    ("pieces", "leaves", "expected"),
    [
        ([*PIECES[:2], PIECES[2][:-1] + b"\x00", *PIECES[3:5]], LEAVES[:5], ChainBreak(3, BreakKind.ALTERED)),
        (PIECES[:5], [*LEAVES[:3], LEAVES[9], LEAVES[4]], ChainBreak(4, BreakKind.ALTERED)),
        ([*PIECES[:2], *PIECES[3:5]], None, ChainBreak(3, BreakKind.MISSING)),
        ([*PIECES[:2], PIECES[3], PIECES[2], PIECES[4]], None, ChainBreak(3, BreakKind.REORDERED)),
        ([*PIECES[:2], PIECES[1], *PIECES[2:5]], None, ChainBreak(3, BreakKind.INSERTED)),
        ([*PIECES[:2], canonical(STRANGER)], None, ChainBreak(3, BreakKind.ALTERED)),
        ([*PIECES[:2], b"\x02" + ORGANISATION.bytes], None, ChainBreak(3, BreakKind.ALTERED)),
        ([*PIECES[:2], b"\x03" + PIECES[2][1:]], None, ChainBreak(3, BreakKind.ALTERED)),
        ([b""], None, ChainBreak(1, BreakKind.ALTERED)),
        (
            [*PIECES[:2], canonical(body(3, version=1, sealed_at=None)), PIECES[3]],
            None,
            ChainBreak(3, BreakKind.ALTERED),
        ),
    ],
)
def test_verify_names_the_first_bad_entry_of_a_block(pieces, leaves, expected):
    assert block_of(with_entries(pieces, leaves)).broken == expected


def test_verify_takes_entries_of_version_1_before_those_of_version_2():
    old = [canonical(body(seq, version=1, sealed_at=None)) for seq in (1, 2)]

    found = block_of(with_entries([*old, *PIECES[2:4]]))

    assert (found.broken, found.versions) == (None, (1, 2))


DETAILS = [(bytes([seq]) * 32, b"cipher %d" % seq, None) for seq in range(1, 6)]


def test_details_come_back_as_they_were_packed():
    mixed = [DETAILS[0], (None, None, None), (*DETAILS[2][:2], b"clear"), (None, b"x", None)]

    assert blocks.unpack_details(blocks.pack_details(7, mixed)) == (7, [*mixed[:3], (None, None, None)])
    assert blocks.pack_details(7, [(b"s" * 32, b"ci", b"p")]) == (
        struct.pack(">qI32s", 7, 1, bytes(32)) + b"\x02" + b"s" * 32 + b"\x00\x00\x00\x02ci\x00\x00\x00\x01p"
    )


def test_verify_holds_details_against_commitments():
    payload = with_entries(PIECES[:5])
    wrong = [*DETAILS[:3], (DETAILS[3][0], b"another", None), DETAILS[4]]
    erased = [*DETAILS[:3], (None, None, None), DETAILS[4]]

    assert block_of(payload, details=blocks.pack_details(1, DETAILS)).broken is None
    assert block_of(payload, details=blocks.pack_details(1, erased)).broken is None
    assert block_of(payload, details=blocks.pack_details(1, wrong)).broken == ChainBreak(4, BreakKind.ALTERED)
    for strange in (blocks.pack_details(2, DETAILS), blocks.pack_details(1, DETAILS[:4])):
        with pytest.raises(blocks.BadBlock, match=r"^The details belong to other entries\.$"):
            block_of(payload, details=strange)


def test_unpack_details_refuse_what_is_cut_lengthened_or_unknown():
    whole = blocks.pack_details(1, [(b"s" * 32, b"cipher", b"plain")])

    for length in range(len(whole)):
        with pytest.raises(blocks.BadBlock, match=r"^The details of a block (cannot be read|do not fill it)\.$"):
            blocks.unpack_details(whole[:length])
    with pytest.raises(blocks.BadBlock, match=r"^The details of a block do not fill it\.$"):
        blocks.unpack_details(whole + b"\x00")
    with pytest.raises(blocks.BadBlock, match=r"^The details of a block cannot be read\.$"):
        blocks.unpack_details(whole[:44] + b"\x03" + whole[45:])
    with pytest.raises(blocks.BadBlock, match=r"^The details of a block cannot be read\.$"):
        blocks.unpack_details(whole[:50])
    many = struct.pack(">qI32s", 1, 5000, bytes(32)) + bytes(5000)
    with pytest.raises(blocks.BadBlock, match=r"^The details of a block do not fill it\.$"):
        blocks.unpack_details(many)


# --- whole files -----------------------------------------------------------------------------------------------------

SEGMENT = written(details=False, cut=4)
LATER = written(first=13, last=20, size=20, previous=None)
ARCHIVE = written("archive", details=True, cut=8)
EXTRACT = written("extract", only={2, 3, 9, 14}, last=14, size=17, details=True)


@pytest.mark.parametrize(
    ("data", "kind", "first", "last", "count", "size"),
    [
        (SEGMENT, "segment", 1, 12, 12, 14),
        (LATER, "segment", 13, 20, 8, 20),
        (ARCHIVE, "archive", 1, 12, 12, 14),
        (EXTRACT, "extract", 2, 14, 4, 17),
        (written("extract", only=set(), size=17), "extract", 0, 0, 0, 17),
    ],
)
def test_check_takes_a_whole_file_and_says_what_it_is(data, kind, first, last, count, size):
    found = check(data)

    assert found.problem is None
    assert (found.kind, found.organisation) == (kind, str(ORGANISATION))
    assert (found.first, found.last, found.entries, found.checkpoint, found.compared) == (first, last, count, size, 0)
    assert found.fingerprints == [FINGERPRINT]
    assert found.trailer.entries == count


def test_check_tells_of_every_byte_that_was_changed():
    data = written("extract", only={2}, size=5, last=2, details=True)
    for place in range(len(frames.MAGIC), len(data)):
        forged = bytearray(data)
        forged[place] ^= 1
        assert check(bytes(forged)).problem is not None, place


def test_check_tells_of_every_cut_and_of_every_addition():
    data = written("extract", only={2}, size=5, last=2)
    for length in range(len(frames.MAGIC), len(data)):
        assert check(data[:length]).problem is not None, length
    assert problem(data + b"\x00") == ("truncated", 3, "It ends within a frame.")
    assert problem(data + frames.pack(frames.NOTE, b"")) == (
        "inserted",
        None,
        "Something stands behind the end of the file.",
    )


NOT_SEALED = "The entry is not as it was sealed."
NO_END = "The file has lost its end."
ORDER = "The file's parts stand in an order that it cannot have."


def blocks_at(data):
    return [number for number, (type_, _) in enumerate(parts(data)) if type_ == frames.ENTRIES]


def test_check_names_the_first_bad_entry_and_its_kind():
    found = parts(SEGMENT)
    first, second, third = blocks_at(SEGMENT)
    altered = bytearray(found[second][1])
    altered[-40] ^= 1

    def with_part(number, payload):
        return joined([*found[:number], (frames.ENTRIES, payload), *found[number + 1 :]])

    assert problem(with_part(second, bytes(altered))) == ("altered", 8, NOT_SEALED)
    assert problem(joined(found[:second] + found[third:])) == (
        "missing",
        5,
        "An entry is missing, or stands where another should.",
    )
    assert problem(joined([*found[:first], found[second], found[first], *found[third:]]))[:2] == ("missing", 1)
    twice = joined([*found[:second], found[first], *found[second:]])
    assert problem(twice) == ("reordered", 5, "An entry is missing, or stands where another should.")
    assert problem(joined(found[:third])) == ("truncated", 9, NO_END)
    assert problem(joined(found[:-1])) == ("truncated", 15, NO_END)
    assert problem(joined([*found[:-2], found[-1]])) == ("truncated", 15, NO_END)
    assert problem(joined([*found[:-1], found[-2], found[-1]])) == ("truncated", 15, NO_END)
    assert problem(joined([*found[:-1], (frames.DETAILS, b""), found[-1]])) == ("altered", None, ORDER)
    assert problem(joined([*found[:1], (frames.HEADER, b""), *found[1:]])) == ("altered", None, ORDER)
    assert problem(joined([*found[:2], (frames.ENTRIES, b""), *found[2:]]))[:2] == ("altered", 5)
    assert problem(with_part(third, with_entries(PIECES[8:12], first=9, before=bytes(32)))) == (
        "fork",
        9,
        "The chain does not follow from the entries before.",
    )


def test_check_finds_a_file_made_again_from_other_entries():
    others = [*ALL[:4], shown(5, actor="staff:other"), *ALL[5:]]
    resigned = written(ledger=others, note=checkpoint(14))

    assert problem(resigned) == ("fork", 14, "The entries are not those that the checkpoint signed.")
    assert problem(written(ledger=others, signer=THEIRS, note=checkpoint(14, signer=THEIRS)))[0] == "fork"


def test_check_holds_the_chain_where_the_checkpoint_ends_with_the_file():
    wrong = checkpoint(12, digest=bytes(32))

    assert problem(written(size=12)) is None
    assert problem(written(size=12, note=wrong))[:2] == ("fork", 12)
    assert problem(written("extract", only={1}, last=12, size=12, note=wrong)) is None
    assert problem(written(size=14, note=checkpoint(14, digest=bytes(32)))) is None  # entries 13 and 14 are not shown


def test_check_finds_a_checkpoint_of_another_ledger_or_size():
    other = checkpoint(14, organisation=UUID(int=9))

    assert problem(written(note=other)) == ("bad checkpoint", None, "A checkpoint is of another ledger.")
    assert problem(written(note=checkpoint(15))) == ("truncated", 15, "The file ends before its checkpoint does.")
    assert problem(written(note=checkpoint(14, root=bytes(32))))[:2] == ("fork", 14)
    assert problem(written(note="nonsense")) == ("bad checkpoint", None, UNKNOWN)
    found = parts(SEGMENT)
    assert problem(joined([*found[:-2], (frames.NOTE, b"\xff"), found[-1]])) == (
        "bad checkpoint",
        None,
        "A note in the file is no text.",
    )


def test_check_finds_a_chain_that_does_not_begin_as_one():
    assert problem(written(before=b"x" * 32)) == ("fork", 1, "The chain does not begin as a chain does.")


def resigned(data, **changes):
    """The file with another trailer, signed all the same."""
    found = parts(data)
    trailer = replace(signed.open_trailer(found[-1][1].decode(), [KEY]), **changes)
    note = OURS.note(signed.trailer_text(trailer, signer="example"))
    return joined([*found[:-1], (frames.TRAILER, note.encode())])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": "archive"}, ("altered", None, "The file is not the one that was signed.")),
        ({"organisation": "x"}, ("altered", None, "The file is not the one that was signed.")),
        ({"first": 2}, ("altered", None, "The file is not the one that was signed.")),
        ({"last": 13}, ("altered", None, "The file is not the one that was signed.")),
        ({"entries": 13}, ("altered", None, "The file is not the one that was signed.")),
        ({"content": bytes(32)}, ("altered", None, "The file's content is not what was signed.")),
        ({"before": b"x" * 32}, ("fork", 12, "The chain is not the one that was signed.")),
        ({"after": bytes(32)}, ("fork", 12, "The chain is not the one that was signed.")),
        ({}, None),
    ],
)
def test_check_holds_the_file_against_its_trailer(changes, expected):
    assert problem(resigned(SEGMENT, **changes)) == expected


def test_check_lets_the_trailer_of_an_extract_say_nothing_of_the_chain():
    assert problem(resigned(EXTRACT, before=b"x" * 32, after=bytes(32))) is None


def test_check_refuses_entries_behind_hashes_in_a_file_without_gaps():
    gap = written("extract", only={1, 2, 5, 6}, last=6, size=6)
    found = parts(gap)
    header = json.loads(found[0][1]) | {"kind": "segment"}

    assert problem(joined([(frames.HEADER, json.dumps(header).encode()), *found[1:]])) == (
        "missing",
        5,
        "An entry is missing, or stands where another should.",
    )


def subtrees_at(data, payload):
    found = parts(data)
    return joined([(type_, payload if type_ == frames.SUBTREES else body_) for type_, body_ in found])


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", ("altered", None, "The hashes of entries that are not shown cannot be read.")),
        (bytes(10), ("altered", None, "The hashes of entries that are not shown cannot be read.")),
        (struct.pack(">q", 11), ("missing", 13, "Hashes of entries that are not shown are missing.")),
        (struct.pack(">q", 12) + b"\x3f" + bytes(32), ("altered", 13, "A subtree is larger than any ledger.")),
        (
            struct.pack(">q", 12) + b"\x3e" + bytes(32),
            ("altered", 13, "A subtree does not stand where one of its size can."),
        ),
        (struct.pack(">q", 12), ("truncated", 13, "The file ends before its checkpoint does.")),
    ],
)
def test_check_refuses_hashes_that_fit_nowhere(payload, expected):
    assert problem(subtrees_at(SEGMENT, payload)) == expected


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"kind": "segment"}',
        json.dumps({"kind": "segment", "organisation": "x", "keys": []}).encode(),
        json.dumps({"kind": "segment", "organisation": str(ORGANISATION), "keys": ["x"]}).encode(),
        json.dumps({"kind": "segment", "organisation": str(ORGANISATION), "keys": 5}).encode(),
        json.dumps({"kind": "segment", "organisation": 5, "keys": []}).encode(),
        b"[" * 60_000,
    ],
)
def test_check_refuses_a_header_that_cannot_be_read(header):
    found = parts(SEGMENT)

    assert problem(joined([(frames.HEADER, header), *found[1:]])) == (
        "altered",
        None,
        "The file's header cannot be read.",
    )
    assert problem(joined(found[1:])) == ("altered", None, "The file's header cannot be read.")
    assert problem(frames.MAGIC) == ("altered", None, "The file's header cannot be read.")


def test_check_refuses_a_file_of_an_unknown_kind():
    assert problem(written("diary")) == ("altered", None, "The file is of an unknown kind.")


def test_check_trusts_the_keys_that_the_reader_pinned():
    theirs = written(signer=THEIRS, note=checkpoint(14, signer=THEIRS))
    both = written(keys=[THEIRS.public_key_bytes, KEY])

    assert problem(SEGMENT, pins=[KEY]) is None
    assert problem(SEGMENT, pins=[bytes.fromhex(FINGERPRINT)]) is None
    assert problem(theirs) is None
    assert problem(theirs, pins=[KEY]) == ("bad checkpoint", None, UNKNOWN)
    assert problem(both, pins=[bytes.fromhex(FINGERPRINT)]) is None
    assert problem(both, pins=[hashlib.sha256(THEIRS.public_key_bytes).digest()]) == ("bad checkpoint", None, UNKNOWN)
    assert problem(written(keys=[]), pins=[KEY]) is None
    assert problem(written(keys=[])) == ("bad checkpoint", None, UNKNOWN)
    fifteen = [bytes([number]) * 32 for number in range(15)]
    assert problem(written(keys=[*fifteen, KEY])) is None
    assert problem(written(keys=[*fifteen, bytes(32), KEY]))[0] == "bad checkpoint"


def outside(*kept):
    """Checkpoints kept elsewhere, as files.check takes them."""
    by_size = {}
    for size, note in kept:
        by_size.setdefault(size, []).append(note)
    return lambda organisation: by_size if organisation == str(ORGANISATION) else {}


def test_check_holds_files_against_checkpoints_kept_elsewhere():
    good = [(size, checkpoint(size)) for size in (3, 4, 7, 12, 13, 14, 40)]
    others = [*LEAVES[:1], *LEAVES[2:], LEAVES[0]]

    assert check(SEGMENT, outside=outside(*good)).compared == 5  # 13 lies within what is not shown
    assert check(SEGMENT, outside=outside(*good)).problem is None
    assert check(LATER, outside=outside((12, checkpoint(12)), (15, checkpoint(15)))).compared == 2
    assert problem(SEGMENT, outside=outside((7, checkpoint(7, leaves=others))))[:2] == ("fork", 7)
    assert problem(SEGMENT, outside=outside((7, checkpoint(7, digest=bytes(32)))))[:2] == ("fork", 7)
    assert problem(SEGMENT, outside=outside((7, checkpoint(7, root=bytes(32)))))[:2] == ("fork", 7)
    assert problem(SEGMENT, outside=outside((14, checkpoint(14, root=bytes(32)))))[:2] == ("fork", 14)
    assert problem(SEGMENT, outside=outside((7, checkpoint(7, signer=THEIRS)))) == ("bad checkpoint", None, UNKNOWN)
    assert problem(SEGMENT, outside=outside((7, checkpoint(8))))[:2] == ("truncated", 8)
    assert problem(EXTRACT, outside=outside((3, checkpoint(3, digest=bytes(32))))) is None
    assert problem(EXTRACT, outside=outside((3, checkpoint(3, root=bytes(32)))))[:2] == ("fork", 3)


def test_check_in_further_processes_finds_the_same(tmp_path):
    kept = outside(*[(size, checkpoint(size)) for size in (3, 9, 12)])
    altered = bytearray(ARCHIVE)
    altered[ARCHIVE.index(PIECES[9]) + 60] ^= 1
    for number, data in enumerate((SEGMENT, ARCHIVE, EXTRACT, bytes(altered), ARCHIVE[:-300], ARCHIVE[:2500])):
        path = tmp_path / f"{number}.ledger"
        path.write_bytes(data)
        with path.open("rb") as stream:
            found = files.check(stream, outside=kept, path=str(path), processes=2)
        assert found == check(data, outside=kept)
    assert problem(bytes(altered)) == ("altered", 10, NOT_SEALED)


def test_check_holds_a_version_that_falls_between_blocks():
    old = [canonical(body(seq, version=1, sealed_at=None)) for seq in range(5, 9)]
    found = parts(SEGMENT)
    second = blocks_at(SEGMENT)[1]
    payload = with_entries(old, first=5, before=digest_after(4))

    assert problem(joined([*found[:second], (frames.ENTRIES, payload), *found[second + 1 :]])) == (
        "altered",
        5,
        NOT_SEALED,
    )


def test_a_writer_refuses_an_entry_that_is_not_the_next():
    whole = Writer(io.BytesIO(), kind="segment", organisation_id=ORGANISATION, signer=OURS, keys=[], about={})

    with pytest.raises(ValueError, match="not the next one"):
        whole.show(ALL[3])


def test_a_writer_keeps_blocks_and_hashes_within_what_a_frame_may_hold(monkeypatch):
    monkeypatch.setattr(containers, "_BLOCK_BYTES", 600)
    monkeypatch.setattr(containers, "_SUBTREES_BYTES", 66)
    data = written("extract", only={1, 2, 3, 4, 5, 6, 40}, last=40, size=40, details=True)

    kinds = [type_ for type_, _ in parts(data)]
    assert problem(data) is None
    assert kinds.count(frames.ENTRIES) > 2
    assert kinds.count(frames.SUBTREES) > 1


# --- proofs ----------------------------------------------------------------------------------------------------------


def node_at(level, index):
    return merkle.perfect_root(LEAVES[index << level : (index + 1) << level])


def hashes(spans):
    return [merkle.span_root(span, node_at) for span in spans]


def encoded(value):
    return base64.b64encode(value).decode()


def text_proof(index=4, size=14, *, entry=None, key=KEY, note=None, stated=None):
    found = hashes(merkle.inclusion_spans(index, size))
    return containers.tlog_proof(
        key, entry or PIECES[index], index if stated is None else stated, found, note or checkpoint(size)
    )


def json_proof(seq=5, size=14, **changes):
    made = {
        "format": "carehome-ledger-proof/1", "canonical": encoded(PIECES[seq - 1]), "index": seq - 1,
        "proof": [encoded(part) for part in hashes(merkle.inclusion_spans(seq - 1, size))],
        "checkpoint": checkpoint(size), "keys": [KEY.hex()],
    }  # fmt: skip
    return json.dumps(made | changes)


def growth(old=5, new=14, **changes):
    made = {
        "format": "carehome-ledger-consistency/1", "older": checkpoint(old), "newer": checkpoint(new),
        "proof": [encoded(part) for part in hashes(merkle.consistency_spans(old, new))], "keys": [KEY.hex()],
    }  # fmt: skip
    return json.dumps(made | changes)


def proven(text, **options):
    found = proofs.check(proofs.read(text), **options)
    return found.problem and (str(found.problem.kind), found.problem.seq, found.problem.text)


@pytest.mark.parametrize("form", [text_proof, json_proof])
def test_proofs_of_inclusion_hold(form):
    found = proofs.check(proofs.read(form()))

    assert found == proofs.ProofReport(str(ORGANISATION), [14], entries.fields(PIECES[4]), None, [FINGERPRINT])
    assert proven(form(), pins=[KEY]) is None
    assert proven(form(), pins=[bytes.fromhex(FINGERPRINT)]) is None
    assert proven(form(), pins=[THEIRS.public_key_bytes]) == ("bad checkpoint", None, UNKNOWN)


def test_proofs_of_inclusion_are_refused_when_forged():
    short = "The proof has not the hashes that a tree of this size needs."
    path = [encoded(part) for part in hashes(merkle.inclusion_spans(4, 14))]

    assert proven(text_proof(entry=PIECES[5])) == ("altered", 5, "The proof does not lead to the signed root.")
    assert proven(text_proof(entry=PIECES[4][:-1])) == ("altered", 5, "A field is longer than the entry.")
    assert proven(text_proof(stated=5))[:2] == ("altered", 6)
    assert proven(json_proof(proof=path[:-1])) == ("altered", 5, short)
    assert proven(json_proof(proof=[])) == ("altered", 5, short)
    assert proven(json_proof(proof=[*path, path[0]])) == ("altered", 5, short)
    assert proven(json_proof(proof=[path[1], path[0], *path[2:]]))[0] == "altered"
    assert proven(json_proof(index=99)) == ("altered", 100, "The entry is not in the tree.")
    assert proven(json_proof(checkpoint=checkpoint(15)))[0] == "altered"
    assert proven(json_proof(checkpoint=checkpoint(14, signer=THEIRS))) == ("bad checkpoint", None, UNKNOWN)
    assert proven(json_proof(keys=[])) == ("bad checkpoint", None, UNKNOWN)


def test_a_proof_holds_the_entry_against_the_place_it_names():
    moved = [*LEAVES[:4], shown(9).leaf, *LEAVES[5:]]
    path = [
        merkle.span_root(span, lambda level, index: merkle.perfect_root(moved[index << level : (index + 1) << level]))
        for span in merkle.inclusion_spans(4, 14)
    ]
    note = checkpoint(14, leaves=moved)
    other = checkpoint(14, organisation=UUID(int=9))

    assert proven(containers.tlog_proof(KEY, PIECES[8], 4, path, note)) == (
        "reordered",
        5,
        "The entry says that it stands elsewhere.",
    )
    assert proven(json_proof(checkpoint=other))[0] == "reordered"


def test_proofs_of_consistency_hold_and_are_refused_when_forged():
    wrong = "The older checkpoint is not the beginning of the newer one."

    assert proofs.check(proofs.read(growth())) == proofs.ProofReport(
        str(ORGANISATION), [5, 14], None, None, [FINGERPRINT]
    )
    assert proven(growth(proof=[])) == ("fork", 5, wrong)
    assert proven(growth(older=checkpoint(5, root=bytes(32)))) == ("fork", 5, wrong)
    assert proven(growth(newer=checkpoint(13))) == ("fork", 5, wrong)
    assert proven(growth(older=checkpoint(5, organisation=UUID(int=9)))) == (
        "bad checkpoint",
        None,
        "The checkpoints are of two ledgers.",
    )
    assert proven(growth(older=checkpoint(5, signer=THEIRS))) == ("bad checkpoint", None, UNKNOWN)
    assert proven(growth(newer=checkpoint(14, signer=THEIRS))) == ("bad checkpoint", None, UNKNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "5",
        "null",
        json_proof(format="x"),
        json_proof(proof=["!"]),
        json_proof(proof=5),
        json_proof(keys=["x"]),
        json_proof(index="x"),
        json_proof().replace('"index": 4', '"index": 1e999'),
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\n",
        text_proof().replace("index", "at"),
        text_proof().replace("extra", "more"),
        text_proof().replace("index 4", "index x"),
        text_proof().replace("index 4", "index"),
        text_proof().replace("@v1\n", "@v2\n"),
        "[" * 100_000,
    ],
)
def test_read_refuses_what_is_no_proof(text):
    with pytest.raises(proofs.NotAProof) as raised:
        proofs.read(text)
    assert str(raised.value) == "It is neither a file of the ledger nor a proof."


def test_read_bounds_what_it_takes():
    many = json_proof(proof=[encoded(bytes(32))] * 500, keys=[KEY.hex()] * 500)

    assert (len(proofs.read(many).hashes), len(proofs.read(many).keys)) == (128, 128)


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "segment.ledger").write_bytes(SEGMENT)
    (tmp_path / "later.ledger").write_bytes(LATER)
    (tmp_path / "extract.ledger").write_bytes(EXTRACT)
    (tmp_path / "proof.txt").write_text(text_proof())
    (tmp_path / "growth.json").write_text(growth())
    (tmp_path / "note.txt").write_text(checkpoint(7))
    (tmp_path / "other.txt").write_text(checkpoint(7, root=bytes(32)))
    bad = bytearray(SEGMENT)
    bad[SEGMENT.index(PIECES[6]) + 50] ^= 1
    (tmp_path / "bad.ledger").write_bytes(bad)
    return tmp_path


def run(capsys, *arguments):
    code = command.main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


SEGMENT_GOOD = (
    f"GOOD segment.ledger: segment of {ORGANISATION}: 12 entries, 1 to 12, are those that the checkpoint of 14 entries "
    "signed."
)
UNPINNED = (
    f"Signed by the key {FINGERPRINT}, which the file itself names. Ask the care home for its own by\n"
    "another way, and run again with --key: anybody can sign a file with a key of their own.\n"
)


def test_main_says_that_files_are_good(folder, capsys):
    assert run(capsys, "segment.ledger") == (0, f"{SEGMENT_GOOD}\n{UNPINNED}", "")
    assert run(capsys, "segment.ledger", "--key", FINGERPRINT) == (0, f"{SEGMENT_GOOD}\n", "")
    assert run(capsys, "segment.ledger", "later.ledger", "--key", KEY.hex(), "--processes", "2")[0] == 0
    assert run(capsys, "proof.txt", "growth.json", "--key", FINGERPRINT) == (
        0,
        f"GOOD proof.txt: entry 5 of {ORGANISATION} is in the ledger that the checkpoint of 14 entries signed.\n"
        f"GOOD growth.json: the ledger of {ORGANISATION} only grew between its checkpoints of [5, 14] entries.\n",
        "",
    )
    assert run(capsys, "proof.txt")[1].endswith(UNPINNED)


def test_main_names_what_is_bad(folder, capsys):
    assert run(capsys, "bad.ledger", "--key", FINGERPRINT) == (
        1,
        f"NOT GOOD bad.ledger: {ORGANISATION}: altered at entry 7. {NOT_SEALED}\n",
        "",
    )
    (folder / "bad.txt").write_text(json_proof(keys=[]))
    assert run(capsys, "bad.txt")[:2] == (1, f"NOT GOOD bad.txt: : bad checkpoint. {UNKNOWN}\n")
    assert run(capsys, "segment.ledger", "bad.ledger")[0] == 1


def test_main_holds_against_checkpoints_and_anchors(folder, capsys):
    lines = [json.dumps({"size": size, "note": checkpoint(size)}) for size in (3, 7, 12, 13)]
    (folder / "anchors.jsonl").write_text("\n".join([*lines, json.dumps({"torn": 5})]) + "\n")

    assert run(capsys, "segment.ledger", "--checkpoint", "note.txt", "--key", FINGERPRINT)[:2] == (
        0,
        f"{SEGMENT_GOOD} Held against 1 checkpoints kept elsewhere.\n",
    )
    assert "Held against 3 checkpoints" in run(capsys, "segment.ledger", "--anchors", "anchors.jsonl")[1]
    code, out, _ = run(capsys, "segment.ledger", "--checkpoint", "other.txt", "--checkpoint", "note.txt")
    assert code == 1
    assert out.startswith(f"NOT GOOD segment.ledger: {ORGANISATION}: fork at entry 7. ")


def test_main_prints_json(folder, capsys):
    code, out, _ = run(capsys, "segment.ledger", "bad.ledger", "proof.txt", "--json", "--key", FINGERPRINT)

    assert code == 1
    assert json.loads(out) == {
        "ok": False,
        "files": [
            {
                "file": "segment.ledger", "kind": "segment", "organisation": str(ORGANISATION), "ok": True, "first": 1,
                "last": 12, "entries": 12, "checkpoint": 14, "compared": 0, "keys": [FINGERPRINT],
            },
            {
                "file": "bad.ledger", "kind": "segment", "organisation": str(ORGANISATION), "ok": False, "first": 1,
                "last": 4, "entries": 4, "checkpoint": 0, "compared": 0, "keys": [],
                "break": "altered", "first_bad_seq": 7, "problem": NOT_SEALED,
            },
            {
                "file": "proof.txt", "kind": "inclusion", "organisation": str(ORGANISATION), "ok": True,
                "entry": entries.fields(PIECES[4]),
            },
        ],
    }  # fmt: skip
    assert out.startswith('{\n  "ok": false')
    assert json.loads(run(capsys, "growth.json", "--json")[1])["files"][0]["kind"] == "consistency"


def test_main_holds_files_against_one_another(folder, capsys):
    def joint(name, **options):
        (folder / "next.ledger").write_bytes(written(first=13, last=20, size=20, **options) if options else LATER)
        code, out, _ = run(capsys, name, "next.ledger", "--key", FINGERPRINT)
        return code, out.splitlines()[-1]

    content = check(SEGMENT).trailer.content
    where = f"NOT GOOD next.ledger: {ORGANISATION}: "
    assert joint("segment.ledger")[0] == 0
    assert joint("segment.ledger", previous=content)[0] == 0
    assert joint("segment.ledger", previous=bytes(32)) == (
        1,
        where + "fork at entry 13. The file was signed as following another one.",
    )
    (folder / "early.ledger").write_bytes(written(last=11))
    assert joint("early.ledger") == (
        1,
        where + "missing at entry 12. A file is missing between the one before and this one.",
    )
    (folder / "long.ledger").write_bytes(written(last=13))
    assert joint("long.ledger") == (1, where + "inserted at entry 13. The file before this one has the entry already.")
    others = [*ALL[:4], shown(5, actor="staff:other"), *ALL[5:]]
    (folder / "fork.ledger").write_bytes(written(ledger=others))
    assert joint("fork.ledger") == (1, where + "fork at entry 13. The file does not follow from the one before it.")
    (folder / "archive.ledger").write_bytes(written("archive", last=9, details=True))
    assert joint("archive.ledger")[0] == joint("extract.ledger")[0] == 0
    assert run(capsys, "next.ledger", "segment.ledger")[0] == 0


def test_main_opens_zip_and_gzip_files(folder, capsys):
    with zipfile.ZipFile(folder / "extract.zip", "w") as archive:
        archive.writestr("READ ME.txt", "read")
        archive.writestr(f"extract{SUFFIX}", EXTRACT)
    (folder / "segment.ledger.gz").write_bytes(gzip.compress(SEGMENT))

    assert run(capsys, "extract.zip", "segment.ledger.gz", "--processes", "2")[0] == 0


def could_not(capsys, *arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    return err


def test_main_says_why_it_could_not_check(folder, capsys):
    (folder / "nonsense").write_bytes(b"nonsense")
    (folder / "two.zip").write_bytes(b"PK\x03\x04 and no more")
    for name in ("empty", "several"):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            archive.writestr("x.txt", "x")
            if name == "several":
                archive.writestr("a.ledger", EXTRACT)
                archive.writestr("b.ledger", EXTRACT)
    data = (folder / "several.zip").read_bytes()
    (folder / "large.zip").write_bytes(data[:-10] + b"\x01\x00\x10\x00" + data[-6:])
    (folder / "cut.gz").write_bytes(gzip.compress(SEGMENT)[:-20])
    (folder / "keys.txt").write_text(f"# ours\n\n{FINGERPRINT}\n")
    (folder / "bad-keys.txt").write_text("x\n")
    (folder / "hex-keys.txt").write_text("x" * 64)
    (folder / "anchors.jsonl").write_text("{}\n")

    directory = "The ZIP file's directory is damaged or too large; take the .ledger file out of it first."
    assert could_not(capsys, "nonsense") == (
        "Could not check. nonsense: It is neither a file of the ledger nor a proof.\n"
    )
    assert could_not(capsys, "gone") == "Could not check. gone: No such file or directory.\n"
    assert could_not(capsys, "two.zip") == f"Could not check. two.zip: {directory}\n"
    assert could_not(capsys, "large.zip") == f"Could not check. large.zip: {directory}\n"
    for name in ("empty.zip", "several.zip"):
        assert could_not(capsys, name) == (
            f"Could not check. {name}: The ZIP file does not hold exactly one .ledger file.\n"
        )
    assert could_not(capsys, "cut.gz") == "Could not check. cut.gz: It cannot be read.\n"
    assert could_not(capsys, "segment.ledger", "--checkpoint", "nonsense") == (
        "Could not check. nonsense: this is not a checkpoint.\n"
    )
    assert could_not(capsys, "segment.ledger", "--anchors", "anchors.jsonl") == (
        "Could not check. anchors.jsonl: line 1 holds no checkpoint.\n"
    )
    for name in ("bad-keys.txt", "hex-keys.txt"):
        assert could_not(capsys, "segment.ledger", "--keys", name) == (
            f"Could not check. {name}: every line is to be a key or a fingerprint of 64 hexadecimal digits.\n"
        )
    assert run(capsys, "segment.ledger", "--keys", "keys.txt") == (0, f"{SEGMENT_GOOD}\n", "")
    code, out, err = run(capsys, "gone", "--json")
    assert (code, json.loads(out)) == (2, {"ok": None, "error": "gone: No such file or directory."})
    assert err == "Could not check. gone: No such file or directory.\n"


@pytest.mark.parametrize(
    "arguments", [[], ["x", "--key", "12"], ["x", "--processes", "0"], ["x", "--processes", "65"], ["x", "--what"]]
)
def test_main_exits_with_2_on_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as raised:
        command.main(arguments)
    assert raised.value.code == 2


def test_help_says_what_exit_codes_mean(capsys):
    with pytest.raises(SystemExit) as raised:
        command.main(["--help"])

    out = " ".join(capsys.readouterr().out.split())
    assert raised.value.code == 0
    assert "XX" not in out
    for text in (
        "usage: audit.verify", "Hold extracts, segments, archives and proofs of a carehome ledger against what was",
        "an extract, a segment, an archive or a proof", "--key HEX", "trust this key", "--keys FILE",
        "trust the keys in this file, one to a line", "--checkpoint NOTE", "hold against this one too",
        "--anchors FILE", "hold against the anchored checkpoints in this file too", "--processes N", "how many (1)",
        "--json", "print the result as JSON", "Exit codes: 0 everything holds; 1 something is wrong",
    ):  # fmt: skip
        assert text in out


def test_key_takes_hexadecimal_digits_as_people_group_them():
    assert command._key("ab:" * 31 + "ab") == b"\xab" * 32
    assert command._key("abab " * 16) == b"\xab" * 32
    with pytest.raises(argparse.ArgumentTypeError) as raised:
        command._key("ab")
    assert str(raised.value) == "a public key or a fingerprint has 64 hexadecimal digits"


def test_plain_text_plays_no_tricks_with_a_terminal():
    assert command._plain("a\x1b[31m\u202eb\n") == "a\\u001b[31m\\u202eb\\u000a"
    assert len(command._plain("x" * 3000)) == 2000


def test_the_verifier_imports_nothing_of_the_application():
    guard = (
        "import sys\n"
        "class Guard:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'django', 'psycopg', 'access', 'records', 'compliance', 'carehome'}:\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Guard())\n"
        "import audit.verify.command\n"
        "allowed = {'audit', 'audit.canonical', 'audit.chain', 'audit.merkle'}\n"
        "ours = {name for name in sys.modules if name.split('.')[0] == 'audit'} - allowed\n"
        "sys.exit(str([name for name in ours if not name.startswith('audit.verify')] or '') or 0)\n"
    )

    done = subprocess.run([sys.executable, "-c", guard], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_main_trusts_only_the_key_it_was_given(folder, capsys):
    stranger = hashlib.sha256(THEIRS.public_key_bytes).hexdigest()

    for name in ("segment.ledger", "proof.txt", "growth.json"):
        code, out, _ = run(capsys, name, "--key", stranger)
        assert (code, out.split(": ", 1)[0]) == (1, f"NOT GOOD {name}")
        assert out.endswith(f"bad checkpoint. {UNKNOWN}\n")


def test_main_spreads_work_only_over_a_file_that_stands_as_it_is(folder, capsys, monkeypatch):
    (folder / "extract.gz").write_bytes(gzip.compress(EXTRACT))
    seen = []
    real = files.check
    monkeypatch.setattr(files, "check", lambda stream, **options: seen.append(options) or real(stream, **options))

    assert run(capsys, "segment.ledger", "extract.gz", "--processes", "2")[0] == 0
    assert run(capsys, "segment.ledger")[0] == 0
    assert [(options["path"], options["processes"]) for options in seen] == [
        ("segment.ledger", 2),
        (None, 2),
        ("segment.ledger", 1),
    ]
    parsed = command._parser().parse_args(["x", "--processes", "64"])
    assert (parsed.processes, command._parser().parse_args(["x", "--processes", "1"]).processes) == (64, 1)


def test_further_processes_read_blocks_with_their_details(tmp_path):
    path = tmp_path / "archive.ledger"
    path.write_bytes(ARCHIVE)
    stream = io.BytesIO(ARCHIVE)
    frames.read_magic(stream)
    (first, details), *_ = [unit for unit in files._units(frames.frames(stream)) if unit[0].type == frames.ENTRIES]

    files._begin(str(path), ORGANISATION.bytes, [3])
    whole = files._verify_at(*files._place(first), *files._place(details))
    bare = files._verify_at(*files._place(first), *files._place(None))

    assert files._place(None) == (0, -1)
    assert whole == files._verified(first.payload, details.payload, ORGANISATION.bytes, [3])
    assert bare == files._verified(first.payload, None, ORGANISATION.bytes, [3])
    assert [cut.size for cut in whole.cuts] == [3, 8]
    with pytest.raises(frames.Damaged, match=r"^It ends within a frame\.$"):
        files._verify_at(len(ARCHIVE) - 5, 6, 0, -1)
    with pytest.raises(frames.Damaged):
        files._verify_at(*files._place(first), len(ARCHIVE) - 5, 6)


@pytest.mark.parametrize(
    ("note", "taken"),
    [
        ("a/b\n7\nx", True),
        ("a/b\n7", False),
        ("a/b\nseven\nx", False),
        ("a/b\n\u0667\nx", False),
        (f"a/b\n{'1' * 18}\nx", True),
        (f"a/b\n{'1' * 19}\nx", False),
        ("a/b\n\nx", False),
    ],
)
def test_kept_checkpoints_are_found_by_organisation_and_size(note, taken):
    kept = command._Kept()

    assert kept.add(note) is taken
    assert kept.of("b") == ({int(note.split("\n")[1]): [note]} if taken else {})


def test_kept_checkpoints_of_one_size_stand_side_by_side():
    kept = command._Kept()
    for note in ("a b/c/d\n7\nx\ny\n", "a b/c/d\n7\nz\n", "a b/c/e\n8\nz\n"):
        assert kept.add(note)

    assert kept.of("d") == {7: ["a b/c/d\n7\nx\ny\n", "a b/c/d\n7\nz\n"]}
    assert kept.of("nobody") == {}


NOTED = json.dumps({"note": "n"})


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], []),
        ([NOTED, NOTED], [(1, "n"), (2, "n")]),
        ([NOTED, "{brok", json.dumps({"torn": 5}), NOTED], [(1, "n"), (4, "n")]),
        ([NOTED, "x", "y", NOTED], [(1, "n"), (4, "n"), (2, "")]),
        ([json.dumps({"note": "m", "restored": True}), NOTED], [(2, "n")]),
        (["[]", NOTED], [(2, "n"), (1, "")]),
        (["5"], [(1, "")]),
        (["{}"], [(1, "")]),
        (["[" * 60_000], [(1, "")]),
    ],
)
def test_anchored_lines_are_read_and_broken_ones_told(tmp_path, lines, expected):
    path = tmp_path / "anchors"
    path.write_text("".join(f"{line}\n" for line in lines))

    assert list(command._anchored(str(path))) == expected
    with path.open("a") as file:
        file.write('{"note": "brok')
    assert list(command._anchored(str(path))) == expected


def test_anchored_lines_are_read_with_a_bounded_memory(tmp_path):
    path = tmp_path / "anchors"
    path.write_text(json.dumps({"note": "n" * (1 << 17)}) + "\n")

    assert list(command._anchored(str(path))) == [(3, "")]


def test_texts_are_read_with_a_bounded_memory_whatever_they_hold(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"\xff" + b"x" * (1 << 20))

    assert command._text_of(str(path)) == "\ufffd" + "x" * ((1 << 20) - 1)


def directory_of(data):
    stream = io.BytesIO(data)
    verifier_containers._refuse_large_directory(stream)
    return stream.tell()


def test_a_zip_files_directory_is_measured_before_it_is_read():
    end = verifier_containers._END + bytes(8)
    limit = (1 << 20).to_bytes(4, "little")

    for good in (end + limit, b"x" + end + limit, end + limit + bytes(6), bytes(100_000) + end + limit + bytes(65_541)):
        assert directory_of(good) == 0
    for bad in (
        b"",
        b"x" * 100,
        end + limit[:3],
        end + ((1 << 20) + 1).to_bytes(4, "little"),
        end + limit + end + b"\xff\xff\xff\xff",
        end + limit + bytes(65_542),
    ):
        with pytest.raises(frames.NotALedgerFile):
            directory_of(bad)


def test_fields_may_be_empty_texts():
    assert entries.fields(canonical(body(1, kind="")))["kind"] == ""


def test_details_behind_erased_ones_are_held_all_the_same():
    wrong = [(None, None, None), *DETAILS[1:3], (DETAILS[3][0], b"another", None), DETAILS[4]]

    assert block_of(with_entries(PIECES[:5]), details=blocks.pack_details(1, wrong)).broken == ChainBreak(
        4, BreakKind.ALTERED
    )


def test_notes_hold_line_by_line():
    note = OURS.note("a\n1\nAA==\nchain AA==\n")

    assert notes.open_note(note + "\n\n", keys={"example": KEY}, verify=holds).size == 1
    for forged in ("a\n1\nAA==\nchain AA==\n\n— example !\n", note.replace("— example ", "— example !")):
        with pytest.raises(notes.NoteError):
            notes.open_note(forged, keys={"example": KEY}, verify=holds)


# --- nonsense --------------------------------------------------------------------------------------------------------

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_give_an_exit_code_and_no_traceback(tmp_path, data, as_file):
    path = tmp_path / "nonsense"
    path.write_bytes(frames.MAGIC + data if as_file else data)

    assert command.main([str(path), "--json"]) in (1, 2)


@QUICK
@given(st.data())
def test_any_damage_to_a_file_is_found(data):
    whole = bytearray(data.draw(st.sampled_from([SEGMENT, ARCHIVE, EXTRACT])))
    at = data.draw(st.integers(len(frames.MAGIC), len(whole) - 1))
    new = data.draw(st.binary(max_size=20))
    cut = data.draw(st.integers(0, 20))
    forged = bytes(whole[:at] + new + whole[at + cut :])

    assert forged == bytes(whole) or check(forged).problem is not None


@pytest.mark.parametrize("type_", list(frames.LIMITS))
def test_a_claimed_gigabyte_costs_no_memory(type_):
    class Endless(io.RawIOBase):
        largest = 0

        def __init__(self):
            self.rest = frames.MAGIC + parts_head + type_ + struct.pack(">I", 1 << 30)

        def read(self, size=-1):
            Endless.largest = max(Endless.largest, size)
            given, self.rest = self.rest[:size], self.rest[size:]
            return given

    parts_head = frames.pack(*parts(SEGMENT)[0])

    assert files.check(Endless()).problem is not None
    assert Endless.largest < 1 << 20
