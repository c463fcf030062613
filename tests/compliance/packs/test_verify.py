"""verify.py against the published vectors of RFC 8032, against another library, and against every trick we know."""

import base64
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.packs import verify
from compliance.packs.build import container, key_fingerprint

KEY = Ed25519PrivateKey.from_private_bytes(b"carehome test key for packs 0001")
PUBLIC = KEY.public_key().public_bytes_raw()
SCRIPT = verify.__file__

# RFC 8032 section 7.1: TEST 1, TEST 2, TEST 3 and TEST SHA(abc), each public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]
L = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19


def sign(message):
    return KEY.sign(message)


def files(**changes):
    """The files of a small good pack; a change to None takes one away."""
    made = {"report.pdf": b"%PDF-", "evidence/a.json": b"{}\n", "README.txt": b"Read me.\n"}
    return {name: content for name, content in {**made, **changes}.items() if content is not None}


def manifest_of(contents, **changes):
    return {
        "format": verify.FORMAT,
        "organisation": {"code": "ROSE", "name": "Rosebank Care"},
        "edition": "2025-26",
        "created_at": "2026-11-23T10:00:00+00:00",
        "signer": {"key_id": "k", "algorithm": "Ed25519", "public_key": base64.b64encode(PUBLIC).decode()},
        "files": [
            {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(contents.items())
        ],
        **changes,
    }


def signed(contents, manifest=None):
    raw = manifest if isinstance(manifest, bytes) else verify.canonical(manifest or manifest_of(contents))
    signature = base64.b64encode(sign(raw)) + b"\n"
    return {**contents, verify.MANIFEST: raw, verify.SIGNATURE: signature}


def pack(contents=None, manifest=None):
    return container(signed(files() if contents is None else contents, manifest))


def problems(data, **options):
    return verify.check(data, **options).problems


def named(data, **options):
    return {name for name, _ in problems(data, **options)}


# The signature


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_ed25519_verify_accepts_the_vectors_of_rfc_8032(public, message, signature):
    assert verify.ed25519_verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_ed25519_verify_refuses_the_vectors_with_another_message(public, message, signature):
    assert not verify.ed25519_verify(bytes.fromhex(public), bytes.fromhex(message) + b"!", bytes.fromhex(signature))


@settings(max_examples=60, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=300), flip=st.integers(0, 96 * 8 - 1))
def test_ed25519_verify_agrees_with_another_library(seed, message, flip):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    whole = bytearray(public + signature)
    whole[flip // 8] ^= 1 << flip % 8
    bent_public, bent_signature = bytes(whole[:32]), bytes(whole[32:])
    try:
        Ed25519PublicKey.from_public_bytes(bent_public).verify(bent_signature, message)
        theirs = True
    except (InvalidSignature, ValueError):
        theirs = False

    assert verify.ed25519_verify(public, message, signature)
    assert verify.ed25519_verify(bent_public, message, bent_signature) == theirs


def test_ed25519_verify_refuses_s_that_is_not_reduced():
    signature = sign(b"m")
    larger = int.from_bytes(signature[32:], "little") + L

    assert verify.ed25519_verify(PUBLIC, b"m", signature)
    assert not verify.ed25519_verify(PUBLIC, b"m", signature[:32] + larger.to_bytes(32, "little"))


SMALL_ORDER = [
    (1).to_bytes(32, "little"),  # the neutral point
    (P - 1).to_bytes(32, "little"),  # order 2
    (0).to_bytes(32, "little"),  # order 4
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),  # order 8
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),  # order 8
]


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_ed25519_verify_refuses_keys_of_small_order(public):
    anything = (1).to_bytes(32, "little") + bytes(32)  # R neutral, S zero: holds for such keys and any message

    assert verify._decode(public) is not None
    assert not verify.ed25519_verify(public, b"m", anything)


@pytest.mark.parametrize(
    "encoded",
    [
        (P + 1).to_bytes(32, "little"),  # y ≥ p
        (2**255 - 1).to_bytes(32, "little"),
        (1 | 1 << 255).to_bytes(32, "little"),  # x = 0 with the sign set
        (2).to_bytes(32, "little"),  # no such point
    ],
)
def test_ed25519_verify_refuses_what_is_not_a_canonical_point(encoded):
    assert verify._decode(encoded) is None
    assert not verify.ed25519_verify(encoded, b"m", sign(b"m"))
    assert not verify.ed25519_verify(PUBLIC, b"m", encoded + sign(b"m")[32:])


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(65), bytes(64)])
def test_ed25519_verify_refuses_signatures_of_another_length_or_of_nothing(signature):
    assert not verify.ed25519_verify(PUBLIC, b"m", signature)


# The contents


def test_check_accepts_a_whole_pack_and_shows_its_fingerprint():
    report = verify.check(pack())

    assert report.problems == []
    assert report.fingerprint == key_fingerprint(PUBLIC)
    assert not report.pinned


def test_check_names_an_altered_file():
    contents = signed(files())
    contents["report.pdf"] = b"%PDF+"

    assert named(container(contents)) == {"report.pdf"}


def test_check_names_a_missing_file():
    contents = signed(files())
    del contents["README.txt"]

    assert problems(container(contents)) == [("README.txt", "is missing")]


def test_check_names_a_file_that_is_not_listed():
    contents = {**signed(files()), "extra.txt": b"I was not here."}

    assert problems(container(contents)) == [("extra.txt", "is not listed in the manifest")]


@pytest.mark.parametrize("name", [verify.MANIFEST, verify.SIGNATURE])
def test_check_names_what_is_missing_of_manifest_and_signature(name):
    contents = signed(files())
    del contents[name]

    assert name in named(container(contents))


def test_check_refuses_a_manifest_signed_by_nobody():
    contents = signed(files())
    contents[verify.MANIFEST] = verify.canonical(manifest_of(files(), edition="2026-27"))

    assert named(container(contents)) == {verify.SIGNATURE}


def test_check_refuses_another_key_than_the_one_given():
    assert problems(pack(), fingerprint=key_fingerprint(PUBLIC)) == []
    assert named(pack(), fingerprint="0" * 64) == {verify.MANIFEST}


def test_check_refuses_a_pack_made_anew_with_another_key():
    other = Ed25519PrivateKey.generate()
    signer = {"public_key": base64.b64encode(other.public_key().public_bytes_raw()).decode()}
    raw = verify.canonical(manifest_of(files(), signer=signer))
    forged = {**files(), verify.MANIFEST: raw, verify.SIGNATURE: base64.b64encode(other.sign(raw)) + b"\n"}

    assert problems(container(forged)) == []
    assert named(container(forged), fingerprint=key_fingerprint(PUBLIC)) == {verify.MANIFEST}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]\n",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"a": 1, "a": 1}\n',
        verify.canonical(manifest_of(files())) + b"\n",
        json.dumps(manifest_of(files())).encode(),
        verify.canonical(manifest_of(files(), format="carehome-evidence-pack/9")),
        verify.canonical(manifest_of(files(), files={"report.pdf": 5})),
        verify.canonical(manifest_of(files(), files=[{"name": "report.pdf"}])),
        verify.canonical(manifest_of(files(), files=manifest_of(files())["files"] * 2)),
        verify.canonical(manifest_of(files(), signer={})),
        verify.canonical(manifest_of(files(), signer={"public_key": 5})),
        verify.canonical(manifest_of(files(), signer={"public_key": "not base64"})),
    ],
)
def test_check_refuses_a_manifest_in_any_other_form(raw):
    found = problems(pack(manifest=raw))

    assert [name for name, _ in found] == [verify.MANIFEST]
    assert found[0][1].startswith("cannot be read")


def test_check_refuses_a_manifest_that_lists_itself():
    rows = manifest_of({**files(), verify.MANIFEST: b""})["files"]

    assert verify.MANIFEST in named(pack(manifest=manifest_of(files(), files=rows)))


# The container


def test_check_sees_every_single_byte_of_a_pack():
    whole = pack()

    for at in range(len(whole)):
        bent = bytearray(whole)
        bent[at] ^= 1
        assert named(bytes(bent)), at


def test_check_sees_every_cut_and_every_addition():
    whole = pack()

    for size in range(4, len(whole), 7):
        assert named(whole[:size]), size
    assert named(whole + b"\0")
    assert named(b"\0" + whole)


def zipped(entries, **how):
    """A ZIP file by the standard library: (name or ZipInfo, content) in the order given."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", **how) as archive:
        for entry, content in entries:
            if isinstance(entry, str):
                entry = zipfile.ZipInfo(entry, (1980, 1, 1, 0, 0, 0))
                entry.create_system, entry.external_attr = 3, verify.PLAIN_FILE
            archive.writestr(entry, content)
    return made.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twin", ["manifest.json", "MANIFEST.json", "report.pdf"])
def test_check_refuses_two_entries_of_one_name(twin):
    entries = sorted([*signed(files()).items(), (twin, b"another")])

    assert any(problem == "is in the pack twice" for _, problem in problems(zipped(entries)))


@pytest.mark.parametrize(
    "name",
    [
        "../up.txt",
        "/root.txt",
        "a/../../up.txt",
        "a//b.txt",
        "./a.txt",
        "a\\b.txt",
        "C:/a.txt",
        "a/",
        "new\nline",
        "tŷ.txt",
    ],
)
def test_check_refuses_names_that_lead_elsewhere(name):
    contents = {**files(), name: b"trick"}

    found = problems(pack(contents))

    assert any("has a name that a pack may not use" in problem for _, problem in found)


def test_check_refuses_a_link():
    link = zipfile.ZipInfo("link", (1980, 1, 1, 0, 0, 0))
    link.create_system, link.external_attr = 3, 0o120777 << 16

    found = problems(zipped([(link, b"/etc/passwd"), *sorted(signed(files()).items())]))

    assert ("link", "is a link; a pack holds plain files only") in found


def test_check_refuses_an_encrypted_entry():
    whole = bytearray(pack())
    whole[whole.index(b"PK\1\2") + 8] |= 1

    assert any("is encrypted" in problem for _, problem in problems(bytes(whole)))


def test_check_refuses_compressed_entries_without_unpacking_them():
    entry = zipfile.ZipInfo("zeros")
    entry.compress_type = zipfile.ZIP_DEFLATED
    bomb = zipped([(entry, bytes(50_000_000))])

    assert len(bomb) < 100_000
    assert any("is compressed" in problem for _, problem in problems(bomb))


def test_check_refuses_a_size_that_the_pack_cannot_hold():
    whole = bytearray(pack())
    struct.pack_into("<LL", whole, whole.index(b"PK\1\2") + 20, 0xFFFFFF00, 0xFFFFFF00)

    assert any("declares a size" in problem for _, problem in problems(bytes(whole)))


def test_check_refuses_bytes_hidden_between_the_files():
    whole = pack()
    end = struct.unpack_from("<4s4H2LH", whole, len(whole) - 22)
    hidden = whole[: end[6]] + b"hidden" + whole[end[6] : -22] + struct.pack("<4s4H2LH", *end[:6], end[6] + 6, 0)

    assert named(hidden) == {verify.CONTAINER}


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7", bytes(5000), bytes(range(256)) * 10])
def test_check_says_when_a_file_is_no_zip_at_all(data):
    with pytest.raises(verify.NotAPack):
        verify.check(data)


# The command


def run(*arguments, python=sys.executable):
    return subprocess.run([python, "-I", SCRIPT, *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "pack.zip"
    path.write_bytes(pack())
    return path


def test_main_answers_0_and_asks_for_the_fingerprint(good):
    done = run(str(good))

    assert done.returncode == 0
    assert done.stdout.startswith("GOOD")
    assert "proves only that the pack agrees with the" in done.stdout
    assert verify.spaced(key_fingerprint(PUBLIC)) in done.stdout


def test_main_takes_the_fingerprint_as_people_write_it(good):
    done = run(str(good), "--fingerprint", verify.spaced(key_fingerprint(PUBLIC)).upper())

    assert done.returncode == 0
    assert "It is the fingerprint you gave." in done.stdout
    assert "proves only" not in done.stdout


def test_main_answers_1_and_names_the_file(good):
    good.write_bytes(good.read_bytes().replace(b"%PDF-", b"%PDF+"))

    done = run(str(good), "--json")
    told = json.loads(done.stdout)

    assert done.returncode == 1
    assert told["ok"] is False
    assert {row["file"] for row in told["problems"]} == {"report.pdf"}


@pytest.mark.parametrize(
    "arguments", [[], ["no-such-file.zip"], [SCRIPT], ["."], ["--fingerprint", "12", SCRIPT], ["a", "b"]]
)
def test_main_answers_2_when_it_cannot_check(arguments):
    assert run(*arguments).returncode == 2


def test_main_lets_no_name_play_tricks_with_the_terminal(tmp_path):
    path = tmp_path / "trick.zip"
    path.write_bytes(pack({**files(), "red\x1b[31m": b""}))

    done = run(str(path))

    assert done.returncode == 1
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.12", "3.13"])
def test_main_runs_on_other_versions_of_python(good, version):
    python = other_python(version)
    if python is None:
        pytest.skip(f"Python {version} is not on this machine")

    assert run(str(good), python=python).returncode == 0


def other_python(version):
    found = shutil.which(f"python{version}")
    ok = found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0
    kept = sorted(Path(os.environ.get("PYENV_ROOT", "/nowhere")).glob(f"versions/{version}.*/bin/python"))
    return found if ok else str(kept[-1]) if kept else None
