"""Writing files of the ledger: the frames that audit.verify reads. Pure but for the stream it writes to.

One form for extracts, segments and archives: a header; then, from left to right, blocks of entries and, for entries
that are not shown, roots of subtrees; a signed checkpoint; a signed trailer. The writer holds one block in memory.
"""

import base64
import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Protocol
from uuid import UUID

from audit import canonical, merkle, notes
from audit.verify import blocks, files, frames, signed

_INDEX = struct.Struct(">q")
_BLOCK_BYTES = 4 << 20
_BLOCK_ENTRIES = 2048
_SUBTREES_BYTES = 32 << 10


class Signs(Protocol):
    """A signing key with its name."""

    @property
    def name(self) -> str: ...
    @property
    def public_key_bytes(self) -> bytes: ...
    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry as it goes into a file. canonical: its bytes; plaintext: of details that are opened."""

    seq: int
    canonical: bytes
    leaf: bytes
    salt: bytes | None = None
    ciphertext: bytes | None = None
    plaintext: bytes | None = None

    def hashed(self) -> bytes:
        """The leaf that the canonical bytes give."""
        return hashlib.sha256(b"\x00" + self.canonical).digest()


class Writer:
    """Writes one file. Give it subtrees and entries from left to right, then `finish`."""

    def __init__(
        self,
        stream: IO[bytes],
        *,
        kind: str,
        organisation_id: UUID,
        signer: Signs,
        keys: Sequence[bytes],
        about: dict[str, object],
        before: bytes = canonical.GENESIS,
        with_details: bool = False,
        previous: bytes | None = None,
    ) -> None:
        """keys: public keys by which the notes in the file open. before: the chain's digest before the first entry."""
        self._stream, self._signer, self._kind, self._organisation = stream, signer, kind, organisation_id
        self._with_details, self._previous = with_details, previous
        self._content, self._sha256 = hashlib.sha256(), hashlib.sha256()
        self._first = self._last = self._entries = self._bytes = 0
        self._block: list[Shown] = []
        self._hidden: list[tuple[int, bytes]] = []
        self._hidden_at = 0
        self._before = self.digest = before
        self.tree = merkle.Accumulator()
        self._out(frames.MAGIC)
        header = {"kind": kind, "organisation": str(organisation_id), "keys": [key.hex() for key in keys], **about}
        self._signed(frames.HEADER, json.dumps(header, sort_keys=True).encode())

    @property
    def content(self) -> bytes:
        """What the trailer signs for: by it the next file names this one."""
        return self._content.digest()

    @property
    def sha256(self) -> bytes:
        """Of the file as written."""
        return self._sha256.digest()

    @property
    def entries(self) -> int:
        return self._entries + len(self._block)

    def hide(self, level: int, subtree: bytes) -> None:
        """Pass over 2^level entries, of which the file says only the root over them."""
        self._flush_entries()
        if not self._hidden:
            self._hidden_at = self.tree.size
        self._hidden.append((level, subtree))
        self.tree.add(level, subtree)
        if len(self._hidden) * 33 >= _SUBTREES_BYTES:
            self._flush_hidden()

    def show(self, entry: Shown) -> None:
        """Append one entry; its number is the next after those shown and passed over."""
        self._flush_hidden()
        self.tree.add(0, entry.leaf)
        if entry.seq != self.tree.size:
            raise ValueError("The entry is not the next one.")
        self._block.append(entry)
        self._bytes += len(entry.canonical) + len(entry.ciphertext or b"") + len(entry.plaintext or b"")
        if entry.seq % _BLOCK_ENTRIES == 0 or self._bytes >= _BLOCK_BYTES:
            self._flush_entries()

    def finish(self, checkpoint: str) -> str:
        """Write the checkpoint and the trailer; returns the trailer's note."""
        self._flush_entries()
        self._flush_hidden()
        self._signed(frames.NOTE, checkpoint.encode())
        text = signed.trailer_text(
            signed.Trailer(
                kind=self._kind,
                organisation=str(self._organisation),
                first=self._first,
                last=self._last,
                entries=self._entries,
                before=self._before,
                after=self.digest,
                content=self.content,
                previous=self._previous,
            ),
            signer=self._signer.name,
        )
        note = notes.sign(
            text,
            name=self._signer.name,
            public_key=self._signer.public_key_bytes,
            signature=self._signer.sign(text.encode()),
        )
        self._out(frames.pack(frames.TRAILER, note.encode()))
        return note

    def flush(self) -> None:
        """Write out what is held, so that `digest` and `tree` stand behind the last entry shown."""
        self._flush_entries()

    def _flush_hidden(self) -> None:
        if self._hidden:
            packed = b"".join(bytes([level]) + subtree for level, subtree in self._hidden)
            self._signed(frames.SUBTREES, _INDEX.pack(self._hidden_at) + packed)
            self._hidden = []

    def _flush_entries(self) -> None:
        block, self._block, self._bytes = self._block, [], 0
        if not block:
            return
        first, before = block[0].seq, self.digest if self._kind != files.EXTRACT else canonical.GENESIS
        payload = blocks.pack(first, before, [entry.canonical for entry in block], [entry.leaf for entry in block])
        digest = before
        for entry in block:
            digest = canonical.link(digest, entry.leaf)
        self._out(frames.pack(frames.ENTRIES, payload))
        self._content.update(frames.ENTRIES + blocks.content(first, len(block), before, digest))
        if self._with_details:
            rows = [(entry.salt, entry.ciphertext, entry.plaintext) for entry in block]
            self._signed(frames.DETAILS, blocks.pack_details(first, rows))
        self._first, self._last = self._first or first, block[-1].seq
        self._entries += len(block)
        self.digest = digest

    def _signed(self, type_: bytes, payload: bytes) -> None:
        self._content.update(type_ + hashlib.sha256(payload).digest())
        self._out(frames.pack(type_, payload))

    def _out(self, data: bytes) -> None:
        self._sha256.update(data)
        self._stream.write(data)


def tlog_proof(key: bytes, entry: bytes, index: int, hashes: Sequence[bytes], checkpoint: str) -> str:
    """A proof of inclusion as text (C2SP tlog-proof); the extra line carries the public key and the entry's bytes."""
    head = ["c2sp.org/tlog-proof@v1", f"extra {base64.b64encode(key + entry).decode()}", f"index {index}"]
    return "\n".join([*head, *(base64.b64encode(part).decode() for part in hashes), "", checkpoint])
