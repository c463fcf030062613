"""Proofs out of the database, each held against the signed root before it is given out (RFC 9162)."""

import base64
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit import containers, merkle, sealed, tiles
from audit.containers import Shown
from audit.errors import NotAsSealed
from audit.sealed import SignedHead
from audit.verify import entries, signed
from audit.verify.proofs import CONSISTENCY, INCLUSION

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That an entry is in the ledger a checkpoint signed. from_tiles: False where tiles were tampered with."""

    organisation_id: UUID
    entry: Shown
    head: SignedHead
    hashes: list[bytes]
    from_tiles: bool

    @property
    def index(self) -> int:
        return self.entry.seq - 1

    def as_text(self) -> str:
        return containers.tlog_proof(self.head.key, self.entry.canonical, self.index, self.hashes, self.head.note)

    def as_json(self) -> dict[str, Any]:
        return {
            "format": INCLUSION,
            "entry": entries.fields(self.entry.canonical),
            "canonical": _base64(self.entry.canonical),
            "index": self.index,
            "size": self.head.size,
            "proof": [_base64(part) for part in self.hashes],
            "checkpoint": self.head.note,
            "keys": [key.hex() for key in sealed.public_keys()],
        }


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the ledger of an older checkpoint is the beginning of that of a newer one."""

    older: SignedHead
    newer: SignedHead
    hashes: list[bytes]
    from_tiles: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "format": CONSISTENCY,
            "older": self.older.note,
            "newer": self.newer.note,
            "proof": [_base64(part) for part in self.hashes],
            "keys": [key.hex() for key in sealed.public_keys()],
        }


def inclusion(organisation_id: UUID, seq: int) -> InclusionProof:
    """That entry `seq` is in the ledger, by the latest checkpoint. Raises NotSignedYet, NotAsSealed."""
    head = sealed.latest_head(organisation_id)
    if seq > head.size:
        sealed.signed_head(organisation_id, at_least=seq)
    shown = sealed.entry(organisation_id, seq)
    spans = merkle.inclusion_spans(seq - 1, head.size)
    for hashes, from_tiles in _found(organisation_id, spans):
        if merkle.root_from_inclusion(shown.leaf, seq - 1, head.size, hashes) == head.root:
            return InclusionProof(organisation_id, shown, head, hashes, from_tiles)
    raise NotAsSealed(f"No proof of entry {seq} leads to the signed root. Run ledger_verify.")


def consistency(organisation_id: UUID, old_size: int) -> ConsistencyProof:
    """That the ledger has only grown since the checkpoint of `old_size` entries. Raises NotSignedYet, NotAsSealed."""
    older, newer = sealed.signed_head(organisation_id, at_least=old_size), sealed.latest_head(organisation_id)
    if older.size != old_size:
        raise NotAsSealed(f"There is no checkpoint of exactly {old_size} entries.")
    spans = merkle.consistency_spans(older.size, newer.size)
    for hashes, from_tiles in _found(organisation_id, spans):
        if merkle.is_consistent(older.size, older.root, newer.size, newer.root, hashes):
            return ConsistencyProof(older, newer, hashes, from_tiles)
    raise NotAsSealed("The older checkpoint is not the beginning of the newer one. Run ledger_verify.")


def _found(organisation_id: UUID, spans: list[merkle.Span]) -> Iterator[tuple[list[bytes], bool]]:
    """The spans' roots from tiles and, where those do not lead to the signed root, from the leaves."""
    for tree in tiles.trees(organisation_id):
        from_tiles = not isinstance(tree, tiles.LeafTree)
        with suppress(tiles.HashesMissing):
            yield [tree.span_root(span) for span in spans], from_tiles
        if from_tiles:
            told(organisation_id)


def told(organisation_id: UUID) -> None:
    """Say that tiles do not lead to the signed root: they are derived, but nobody may write other ones."""
    log.error("ledger_tiles_wrong organisation=%s", organisation_id)


def checkpoint_text(note: str) -> signed.Checkpoint:
    """A note of our own, opened. Raises BadSignature."""
    return signed.open_checkpoint(note, sealed.public_keys())


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
