"""Signed notes (C2SP signed-note, Ed25519) read by somebody who trusts only the keys in hand."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ED25519 = b"\x01"
_FILE = "carehome-ledger-file/1 "


class BadSignature(Exception):
    """No key in hand opens the note, or it does not read as what it should be."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed chain head: `size` entries, the Merkle root over their leaves, the last one's digest."""

    origin: str
    organisation: str
    size: int
    root: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Trailer:
    """What the signer says of a whole file. before, after: digests of the chain around its entries."""

    kind: str
    organisation: str
    first: int
    last: int
    entries: int
    before: bytes
    after: bytes
    content: bytes
    previous: bytes | None


def open_text(note: str, keys: Sequence[bytes]) -> str:
    """The text of a note that one of the keys signed. Raises BadSignature."""
    if not fingerprints(note, keys):
        raise BadSignature("No signature by a known key holds.")
    return note.partition("\n\n")[0] + "\n"


def fingerprints(note: str, keys: Sequence[bytes]) -> list[str]:
    """SHA-256, in hexadecimal digits, of each of the keys that signed the note."""
    text, separator, signatures = note.partition("\n\n")
    lines = signatures.split("\n") if separator else []
    signers = {key for key in keys if any(_holds(text + "\n", line, key) for line in lines)}
    return sorted(hashlib.sha256(key).hexdigest() for key in signers)


def _holds(text: str, line: str, key: bytes) -> bool:
    dash, _, rest = line.partition(" ")
    name, _, packed_text = rest.partition(" ")
    try:
        packed = base64.b64decode(packed_text, validate=True)
    except ValueError:
        return False
    named = hashlib.sha256(name.encode() + b"\n" + _ED25519 + key).digest()[:4]
    return dash == "—" and packed[:4] == named and _verifies(key, packed[4:], text.encode())


def _verifies(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def open_checkpoint(note: str, keys: Sequence[bytes]) -> Checkpoint:
    """Raises BadSignature."""
    lines = open_text(note, keys).split("\n")
    if len(lines) < 5 or not lines[3].startswith("chain "):
        raise BadSignature("The note is not a checkpoint.")
    return Checkpoint(
        origin=lines[0],
        organisation=lines[0].rpartition("/")[2],
        size=_number(lines[1]),
        root=_hash(lines[2]),
        digest=_hash(lines[3][6:]),
    )


def trailer_text(trailer: Trailer, *, signer: str) -> str:
    """What is signed: six lines."""
    previous = "-" if trailer.previous is None else _base64(trailer.previous)
    return (
        f"{_FILE}{trailer.kind}\n{signer}/{trailer.organisation}\n{trailer.first} {trailer.last} {trailer.entries}\n"
        f"chain {_base64(trailer.before)} {_base64(trailer.after)}\n"
        f"content {_base64(trailer.content)}\nprevious {previous}\n"
    )


def open_trailer(note: str, keys: Sequence[bytes]) -> Trailer:
    """Raises BadSignature."""
    lines = [line.split(" ") for line in open_text(note, keys).split("\n")]
    if [len(line) for line in lines] != [2, 1, 3, 3, 2, 2, 1]:
        raise BadSignature("The note is not the trailer of a file.")
    what = [lines[0][0] + " ", lines[3][0], lines[4][0], lines[5][0]]
    if what != [_FILE, "chain", "content", "previous"]:
        raise BadSignature("The note is not the trailer of a file.")
    first, last, entries = (_number(word) for word in lines[2])
    return Trailer(
        kind=lines[0][1],
        organisation=lines[1][0].rpartition("/")[2],
        first=first,
        last=last,
        entries=entries,
        before=_hash(lines[3][1]),
        after=_hash(lines[3][2]),
        content=_hash(lines[4][1]),
        previous=None if lines[5][1] == "-" else _hash(lines[5][1]),
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadSignature("A number in the note cannot be read.")
    return int(text)


def _hash(text: str) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError:
        value = b""
    if len(value) != 32:
        raise BadSignature("A hash in the note cannot be read.")
    return value


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
