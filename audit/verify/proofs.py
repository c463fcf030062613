"""Proofs of a single entry, and of one checkpoint being the beginning of another. Text (C2SP tlog-proof) or JSON."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from audit import merkle
from audit.chain import BreakKind
from audit.verify import entries, signed
from audit.verify.files import Problem, trusted

TEXT = "c2sp.org/tlog-proof@v1"
INCLUSION, CONSISTENCY = "carehome-ledger-proof/1", "carehome-ledger-consistency/1"
_MOST_HASHES = 128
_KEY = 32


class NotAProof(Exception):
    """The text is no proof in a form that is known here."""


@dataclass(frozen=True, slots=True)
class Proof:
    """entry: canonical bytes. checkpoint: the signed note the hashes lead to; older: of a proof of consistency."""

    entry: bytes
    index: int
    hashes: list[bytes]
    checkpoint: str
    keys: list[bytes]
    older: str | None = None


@dataclass(frozen=True, slots=True)
class ProofReport:
    """entry: the fields of a proven entry; sizes: of the checkpoints that hold."""

    organisation: str
    sizes: list[int]
    entry: dict[str, Any] | None = None
    problem: Problem | None = None
    fingerprints: list[str] = field(default_factory=list)


def read(text: str) -> Proof:
    """A proof in either form. Raises NotAProof."""
    try:
        return _from_text(text) if text.startswith(TEXT + "\n") else _from_json(json.loads(text))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise NotAProof("It is neither a file of the ledger nor a proof.") from error


def _from_text(text: str) -> Proof:
    head, _, checkpoint = text.partition("\n\n")
    lines = head.split("\n")[1:]
    extra, index = lines[0].split(" "), lines[1].split(" ")
    if (extra[0], index[0]) != ("extra", "index"):
        raise ValueError
    extra_bytes = _bytes(extra[1])
    hashes = [_bytes(line) for line in lines[2:]]
    return Proof(extra_bytes[_KEY:], int(index[1]), hashes, checkpoint, [extra_bytes[:_KEY]])


def _from_json(found: Any) -> Proof:
    hashes = [_bytes(text) for text in found["proof"][:_MOST_HASHES]]
    keys = [bytes.fromhex(key) for key in found["keys"][:_MOST_HASHES]]
    if found["format"] == CONSISTENCY:
        return Proof(b"", 0, hashes, str(found["newer"]), keys, str(found["older"]))
    if found["format"] != INCLUSION:
        raise ValueError
    return Proof(_bytes(found["canonical"]), int(found["index"]), hashes, str(found["checkpoint"]), keys)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)  # its error is a ValueError


def check(proof: Proof, *, pins: Sequence[bytes] = ()) -> ProofReport:
    """Hold a proof against the checkpoints it leads to. pins: as in files.check."""
    keys = trusted(proof.keys, pins)
    try:
        newer = signed.open_checkpoint(proof.checkpoint, keys)
        older = None if proof.older is None else signed.open_checkpoint(proof.older, keys)
    except signed.BadSignature as error:
        return ProofReport("", [], problem=Problem(BreakKind.BAD_CHECKPOINT, None, str(error)))
    found = _inclusion(proof, newer) if older is None else _consistency(older, newer, proof.hashes)
    return replace(found, fingerprints=signed.fingerprints(proof.checkpoint, keys))


def _consistency(older: signed.Checkpoint, newer: signed.Checkpoint, hashes: Sequence[bytes]) -> ProofReport:
    problem = None
    if older.origin != newer.origin:
        problem = Problem(BreakKind.BAD_CHECKPOINT, None, "The checkpoints are of two ledgers.")
    elif not merkle.is_consistent(older.size, older.root, newer.size, newer.root, hashes):
        problem = Problem(BreakKind.FORK, older.size, "The older checkpoint is not the beginning of the newer one.")
    return ProofReport(newer.organisation, [older.size, newer.size], problem=problem)


def _inclusion(proof: Proof, checkpoint: signed.Checkpoint) -> ProofReport:
    organisation, sizes = checkpoint.organisation, [checkpoint.size]
    leaf = hashlib.sha256(b"\x00" + proof.entry).digest()
    try:
        fields = entries.fields(proof.entry)
        root = merkle.root_from_inclusion(leaf, proof.index, checkpoint.size, proof.hashes)
    except (entries.Unreadable, merkle.MalformedProof) as error:
        return ProofReport(organisation, sizes, problem=Problem(BreakKind.ALTERED, proof.index + 1, str(error)))
    problem = None
    if root != checkpoint.root:
        problem = Problem(BreakKind.ALTERED, proof.index + 1, "The proof does not lead to the signed root.")
    elif (fields["organisation"], fields["seq"]) != (organisation, proof.index + 1):
        problem = Problem(BreakKind.REORDERED, proof.index + 1, "The entry says that it stands elsewhere.")
    return ProofReport(organisation, sizes, fields, problem)
