"""Holding one file of the ledger (an extract, a segment, an archive) against what was signed.

A file shows a part of a tree from left to right: entries, and for what it does not show the roots of subtrees. So one
pass with a memory that does not grow rebuilds the whole tree's root, which a signed checkpoint states.
"""

import hashlib
import json
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import IO, Any
from uuid import UUID

from audit.canonical import GENESIS
from audit.chain import BreakKind, ChainBreak
from audit.merkle import Accumulator, MalformedProof
from audit.verify import blocks, frames, signed
from audit.verify.frames import DETAILS, ENTRIES, HEADER, NOTE, SUBTREES, TRAILER, Frame

EXTRACT, SEGMENT, ARCHIVE = "extract", "segment", "archive"
KINDS = {EXTRACT, SEGMENT, ARCHIVE}
_INDEX = struct.Struct(">q")
_SUBTREE = struct.Struct(">B32s")
_MOST_KEYS = 16


@dataclass(frozen=True, slots=True)
class Problem:
    """seq: the first bad entry, where one can be named."""

    kind: BreakKind
    seq: int | None
    text: str


@dataclass(slots=True)
class Report:
    """What one file is and whether it holds. `compared`: outside checkpoints that it was held against."""

    kind: str = ""
    organisation: str = ""
    first: int = 0
    last: int = 0
    entries: int = 0
    checkpoint: int = 0
    compared: int = 0
    fingerprints: list[str] = field(default_factory=list)
    trailer: signed.Trailer | None = None
    problem: Problem | None = None


class _Bad(Exception):
    def __init__(self, kind: BreakKind, seq: int | None, text: str) -> None:
        super().__init__(text)
        self.problem = Problem(kind, seq, text)


Outside = Mapping[int, Sequence[str]]  # notes kept elsewhere, by size
OutsideOf = Callable[[str], Outside]  # by organisation


def check(
    stream: IO[bytes],
    *,
    pins: Sequence[bytes] = (),
    outside: OutsideOf = lambda organisation: {},
    path: str | None = None,
    processes: int = 1,
) -> Report:
    """Check one file. pins: raw public keys, or their SHA-256, that the reader trusts; none: the file's own are taken.

    outside: checkpoints that the reader has kept. path: where the stream's file lies, for further processes to open it.
    Raises NotALedgerFile; whatever else is wrong stands in the report.
    """
    frames.read_magic(stream)
    report = Report()
    try:
        _Check(stream, report, pins, outside).run(path, processes)
    except _Bad as bad:
        report.problem = bad.problem
    except frames.Damaged as error:
        report.problem = Problem(BreakKind.TRUNCATED, report.last + 1, str(error))
    except (blocks.BadBlock, MalformedProof) as error:
        report.problem = Problem(BreakKind.ALTERED, report.last + 1, str(error))
    except signed.BadSignature as error:
        report.problem = Problem(BreakKind.BAD_CHECKPOINT, None, str(error))
    return report


class _Check:
    """One pass over a file."""

    def __init__(self, stream: IO[bytes], report: Report, pins: Sequence[bytes], outside: OutsideOf) -> None:
        self.stream, self.report, self.pins, self.outside_of = stream, report, pins, outside
        self.tree, self.content = Accumulator(), hashlib.sha256()
        self.digest: bytes | None = None  # the chain after the last entry, in a file that shows it without a gap
        self.before, self.version = GENESIS, 0
        self.closed = False  # subtrees follow the entries: in a file without gaps, none may come behind them
        self.notes: list[str] = []
        self.trailers: list[str] = []
        self.keys: list[bytes] = []
        self.outside: Outside = {}

    def run(self, path: str | None, processes: int) -> None:
        parallel = path is not None and processes > 1
        sequence = frames.frames(self.stream, skipping=ENTRIES + DETAILS if parallel else b"")
        self._header(next(sequence, None))
        at = sorted(self.outside)
        organisation = UUID(self.report.organisation).bytes
        if path is not None and parallel:
            with ProcessPoolExecutor(processes, None, _begin, (path, organisation, at)) as pool:
                submit = lambda one, two: pool.submit(_verify_at, *_place(one), *_place(two))  # noqa: E731
                self._walk(_ahead(_units(sequence), submit, 4 * processes))
        else:
            self._walk(_ahead(_units(sequence), lambda one, two: _now(one, two, organisation, at), 0))
        self._finish()

    def _header(self, frame: Frame | None) -> None:
        try:
            if frame is None or frame.type != HEADER or frame.payload is None:
                raise ValueError
            header = json.loads(frame.payload)
            keys = [bytes.fromhex(key) for key in header["keys"][:_MOST_KEYS]]
            self.report.kind, self.report.organisation = str(header["kind"]), str(UUID(header["organisation"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _Bad(BreakKind.ALTERED, None, "The file's header cannot be read.") from error
        if self.report.kind not in KINDS:
            raise _Bad(BreakKind.ALTERED, None, "The file is of an unknown kind.")
        self.keys = trusted(keys, self.pins)
        self.outside = self.outside_of(self.report.organisation)
        self._sign_for(frame)

    def _sign_for(self, frame: Frame) -> None:
        self.content.update(frame.type + hashlib.sha256(frame.payload or b"").digest())

    def _walk(self, units: Iterable[tuple[Frame, "blocks.Block | None"]]) -> None:
        for frame, block in units:
            if self.trailers:
                raise _Bad(BreakKind.INSERTED, None, "Something stands behind the end of the file.")
            if block is not None:
                self._entries(block)
            elif frame.type == SUBTREES:
                self._sign_for(frame)
                self._subtrees(frame.payload or b"")
            elif frame.type == NOTE:
                self._sign_for(frame)
                self.notes.append(_text(frame))
            elif frame.type == TRAILER:
                self.trailers.append(_text(frame))
            else:
                raise _Bad(BreakKind.ALTERED, None, "The file's parts stand in an order that it cannot have.")

    def _subtrees(self, payload: bytes) -> None:
        if len(payload) % _SUBTREE.size != _INDEX.size:
            raise _Bad(BreakKind.ALTERED, None, "The hashes of entries that are not shown cannot be read.")
        (index,) = _INDEX.unpack_from(payload)
        if index != self.tree.size:
            raise _Bad(BreakKind.MISSING, self.tree.size + 1, "Hashes of entries that are not shown are missing.")
        self.closed = self.report.entries > 0
        for level, subtree in _SUBTREE.iter_unpack(payload[_INDEX.size :]):
            if level > 62:
                raise MalformedProof("A subtree is larger than any ledger.")
            self.tree.add(level, subtree)
        self._compare(None)

    def _entries(self, block: blocks.Block) -> None:
        due = self.tree.size + 1
        gapless = self.report.kind != EXTRACT
        if block.first != due or (gapless and self.closed):
            kind = BreakKind.MISSING if block.first >= due else BreakKind.REORDERED
            raise _Bad(kind, due, "An entry is missing, or stands where another should.")
        broken = block.broken
        if broken is None and block.versions[0] < self.version:
            broken = ChainBreak(block.first, BreakKind.ALTERED)
        if broken is not None:
            raise _Bad(broken.kind, broken.seq, "The entry is not as it was sealed.")
        self.version = block.versions[1]
        if not self.report.entries:
            self.report.first, self.before = block.first, block.before
            self.digest = block.before
        if gapless and block.before != self.digest:
            raise _Bad(BreakKind.FORK, block.first, "The chain does not follow from the entries before.")
        for cut in block.cuts:
            for level, subtree in cut.subtrees:
                self.tree.add(level, subtree)
            self.digest = cut.digest
            self._compare(cut.digest if gapless else None)
        self.report.last = self.tree.size
        self.report.entries += block.count
        self.content.update(block.content)

    def _compare(self, digest: bytes | None) -> None:
        """Hold tree and chain, as far as they have come, against the checkpoints of this size kept outside."""
        for note in self.outside.get(self.tree.size, ()):
            self._hold(signed.open_checkpoint(note, self.keys), digest)
            self.report.compared += 1

    def _hold(self, checkpoint: signed.Checkpoint, digest: bytes | None) -> None:
        if checkpoint.organisation != self.report.organisation:
            raise _Bad(BreakKind.BAD_CHECKPOINT, None, "A checkpoint is of another ledger.")
        if checkpoint.size != self.tree.size:
            raise _Bad(BreakKind.TRUNCATED, self.tree.size + 1, "The file ends before its checkpoint does.")
        if checkpoint.root != self.tree.root() or digest not in (None, checkpoint.digest):
            raise _Bad(BreakKind.FORK, checkpoint.size, "The entries are not those that the checkpoint signed.")

    def _finish(self) -> None:
        if len(self.notes) != 1 or len(self.trailers) != 1:
            raise _Bad(BreakKind.TRUNCATED, self.tree.size + 1, "The file has lost its end.")
        gapless = self.report.kind != EXTRACT
        checkpoint = signed.open_checkpoint(self.notes[0], self.keys)
        self._hold(checkpoint, self.digest if gapless and self.report.last == checkpoint.size else None)
        trailer = signed.open_trailer(self.trailers[0], self.keys)
        stated = (trailer.kind, trailer.organisation, trailer.first, trailer.last, trailer.entries)
        report = self.report
        if stated != (report.kind, report.organisation, report.first, report.last, report.entries):
            raise _Bad(BreakKind.ALTERED, None, "The file is not the one that was signed.")
        if trailer.content != self.content.digest():
            raise _Bad(BreakKind.ALTERED, None, "The file's content is not what was signed.")
        if gapless and (trailer.before, trailer.after) != (self.before, self.digest):
            raise _Bad(BreakKind.FORK, report.last, "The chain is not the one that was signed.")
        if gapless and report.first == 1 and self.before != GENESIS:
            raise _Bad(BreakKind.FORK, 1, "The chain does not begin as a chain does.")
        report.checkpoint, report.trailer = checkpoint.size, trailer
        report.fingerprints = signed.fingerprints(self.trailers[0], self.keys)


def trusted(keys: Sequence[bytes], pins: Sequence[bytes]) -> list[bytes]:
    """The file's keys that the reader trusts: those pinned, by themselves or by fingerprint; all where none is."""
    if not pins:
        return list(keys)
    return [key for key in keys if key in pins or hashlib.sha256(key).digest() in pins] + list(pins)


def _text(frame: Frame) -> str:
    try:
        return (frame.payload or b"").decode()
    except UnicodeDecodeError as error:
        raise signed.BadSignature("A note in the file is no text.") from error


Unit = tuple[Frame, Frame | None]


def _units(sequence: Iterable[Frame]) -> Iterator[Unit]:
    """Each frame; a block of entries together with its details, where it has them."""
    held: Frame | None = None
    for frame in sequence:
        if held is not None:
            pair = frame if frame.type == DETAILS else None
            yield held, pair
            held = None
            if pair is not None:
                continue
        if frame.type == ENTRIES:
            held = frame
        else:
            yield frame, None
    if held is not None:
        yield held, None


def _ahead(
    units: Iterable[Unit], submit: Callable[[Frame, Frame | None], "Future[blocks.Block]"], most: int
) -> Iterator[tuple[Frame, blocks.Block | None]]:
    """Units in order, blocks among them verified; `most` are under way at once."""
    waiting: deque[tuple[Frame, Future[blocks.Block] | None]] = deque()
    damage: frames.Damaged | None = None
    try:
        for entries, details in units:
            waiting.append((entries, submit(entries, details) if entries.type == ENTRIES else None))
            while len(waiting) > most:
                yield _done(*waiting.popleft())
    except frames.Damaged as error:  # what stands before the damage is told first
        damage = error
    while waiting:
        yield _done(*waiting.popleft())
    if damage is not None:
        raise damage


def _done(frame: Frame, future: "Future[blocks.Block] | None") -> tuple[Frame, blocks.Block | None]:
    return frame, None if future is None else future.result()


def _now(entries: Frame, details: Frame | None, organisation: bytes, at: Sequence[int]) -> "Future[blocks.Block]":
    future: Future[blocks.Block] = Future()
    future.set_result(_verified(entries.payload or b"", details.payload if details else None, organisation, at))
    return future


def _verified(entries: bytes, details: bytes | None, organisation: bytes, at: Sequence[int]) -> blocks.Block:
    """The block; its details go into the file's content with it."""
    block = blocks.verify(entries, organisation, details=details, at=at)
    content = ENTRIES + block.content
    if details is not None:
        content += DETAILS + hashlib.sha256(details).digest()
    return replace(block, content=content)


def _place(frame: Frame | None) -> tuple[int, int]:
    return (frame.offset, frame.length) if frame else (0, -1)


_open: dict[str, Any] = {}  # in a further process: the file, the organisation, the sizes a checkpoint wants


def _begin(path: str, organisation: bytes, at: Sequence[int]) -> None:
    _open.update(file=open(path, "rb"), organisation=organisation, at=at)  # noqa: SIM115  # as long as the process


def _verify_at(offset: int, length: int, details_offset: int, details_length: int) -> blocks.Block:
    entries, details = _read(offset, length), None
    if details_length >= 0:
        details = _read(details_offset, details_length)
    return _verified(entries, details, _open["organisation"], _open["at"])


def _read(offset: int, length: int) -> bytes:
    file = _open["file"]
    file.seek(offset)
    data: bytes = file.read(length)
    if len(data) < length:
        raise frames.Damaged(frames.CUT)
    return data
