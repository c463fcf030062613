"""Signed notes, as C2SP `signed-note` and `tlog-checkpoint` lay them out. Pure.

A checkpoint's note reads: origin, number of entries, base64 Merkle root, one extension line `chain <base64 digest>`,
an empty line, and a signature line `— name base64(key hash ‖ signature)`.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ED25519 = b"\x01"  # C2SP's number of the algorithm

Verify = Callable[[bytes, bytes, bytes], bool]  # (public key, signature, message)


class NoteError(Exception):
    """The text is not a signed note, or no known key opens it."""


@dataclass(frozen=True, slots=True)
class CheckpointBody:
    """origin: who signs for which log; size: entries covered; root, digest: 32 bytes each."""

    origin: str
    size: int
    root: bytes
    digest: bytes

    def text(self) -> str:
        root, digest = (base64.b64encode(value).decode() for value in (self.root, self.digest))
        return f"{self.origin}\n{self.size}\n{root}\nchain {digest}\n"


def key_hash(name: str, public_key: bytes) -> bytes:
    """The four bytes by which a signature line names its key: SHA-256(name ‖ newline ‖ algorithm ‖ key), cut."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:4]


def sign(text: str, *, name: str, public_key: bytes, signature: bytes) -> str:
    return f"{text}\n{signature_line(name, public_key, signature)}"


def signature_line(name: str, public_key: bytes, signature: bytes) -> str:
    """One line more under a note signs it with another key, too."""
    return f"— {name} {base64.b64encode(key_hash(name, public_key) + signature).decode()}\n"


def text_of(note: str) -> str:
    """What the signatures are over. Raises NoteError."""
    text, separator, _ = note.partition("\n\n")
    if not separator:
        raise NoteError("No signature.")
    return text + "\n"


def signed_by(note: str, *, name: str, public_key: bytes, verify: Verify) -> bool:
    """Whether one of the note's signature lines is this key's, and holds. Raises NoteError where there is none."""
    text, lines = text_of(note), note.partition("\n\n")[2].splitlines()
    return any(_holds(text, line, name, public_key, verify) for line in lines)


def open_note(note: str, *, keys: Mapping[str, bytes], verify: Verify) -> CheckpointBody:
    """The checkpoint a note carries, once a known key's signature over it holds.

    keys: raw Ed25519 public keys by signer name; verify(public_key, signature, message).
    Raises NoteError. Where keys were rotated, `audit.keyring` knows which of them may sign what.
    """
    text = text_of(note)
    if not any(signed_by(note, name=name, public_key=key, verify=verify) for name, key in keys.items()):
        raise NoteError("No signature by a known key holds.")
    return parse_body(text)


def _holds(text: str, line: str, name: str, public_key: bytes, verify: Verify) -> bool:
    parts = line.split(" ")
    if len(parts) != 3 or parts[:2] != ["—", name]:
        return False
    try:
        packed = base64.b64decode(parts[2], validate=True)
    except ValueError:
        return False
    return packed[:4] == key_hash(name, public_key) and verify(public_key, packed[4:], text.encode())


def parse_body(text: str) -> CheckpointBody:
    """The fields of a checkpoint's text. Raises NoteError."""
    lines = text.splitlines()
    if len(lines) != 4 or not lines[3].startswith("chain "):
        raise NoteError("Not a checkpoint.")
    try:
        return CheckpointBody(
            origin=lines[0],
            size=int(lines[1]),
            root=base64.b64decode(lines[2], validate=True),
            digest=base64.b64decode(lines[3].removeprefix("chain "), validate=True),
        )
    except ValueError as error:
        raise NoteError("Not a checkpoint.") from error
