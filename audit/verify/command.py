"""The command line: what is asked, what is found, and the exit code."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from audit.chain import BreakKind
from audit.verify import files, proofs
from audit.verify.containers import HOSTILE, opened
from audit.verify.files import EXTRACT, Problem, Report
from audit.verify.frames import MAGIC, NotALedgerFile
from audit.verify.proofs import NotAProof

_MOST_TEXT = 1 << 20
_MOST_LINE = 1 << 16
_TORN = b'{"torn"'  # how the line begins that calls the one before it broken off
_INTRO = """Hold extracts, segments, archives and proofs of a carehome ledger against what was signed.
Exit codes: 0 everything holds; 1 something is wrong, and the first bad entry and its kind are named; 2 it could not
be checked."""


class CannotCheck(Exception):
    """Why nothing could be said."""


@dataclass
class Result:
    """What came of one file named on the command line."""

    path: str
    kind: str
    organisation: str
    sentence: str
    problem: Problem | None
    report: Report | None = None
    entry: dict[str, Any] | None = None
    fingerprints: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"file": self.path, "kind": self.kind, "organisation": self.organisation}
        found["ok"] = self.problem is None
        if self.report:
            report = self.report
            found |= {"first": report.first, "last": report.last, "entries": report.entries}
            found |= {"checkpoint": report.checkpoint, "compared": report.compared, "keys": self.fingerprints}
        if self.entry:
            found["entry"] = self.entry
        if self.problem:
            problem = self.problem
            found |= {"break": problem.kind.value, "first_bad_seq": problem.seq, "problem": problem.text}
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        pins = [*options.key, *_keys_in(options.keys)]
        outside = _outside(options.checkpoint, options.anchors)
        results = [_check(path, pins, outside, options.processes) for path in options.file]
    except (CannotCheck, OSError) as error:
        return _could_not(error, as_json=options.json)
    _chain(results)
    if options.json:
        print(json.dumps({"ok": _ok(results), "files": [result.as_json() for result in results]}, indent=2))
    else:
        for line in _words(results, pinned=bool(pins)):
            print(_plain(line))
    return 0 if _ok(results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="audit.verify", description=_INTRO)
    parser.add_argument("file", nargs="+", help="an extract, a segment, an archive or a proof")
    parser.add_argument("--key", action="append", default=[], type=_key, metavar="HEX", help="trust this key")
    parser.add_argument("--keys", metavar="FILE", help="trust the keys in this file, one to a line")
    parser.add_argument("--checkpoint", action="append", default=[], metavar="NOTE", help="hold against this one too")
    parser.add_argument("--anchors", metavar="FILE", help="hold against the anchored checkpoints in this file too")
    parser.add_argument("--processes", type=int, choices=range(1, 65), default=1, metavar="N", help="how many (1)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _key(text: str) -> bytes:
    digits = text.replace(" ", "").replace(":", "")
    if len(digits) != 64:
        raise argparse.ArgumentTypeError("a public key or a fingerprint has 64 hexadecimal digits")
    return bytes.fromhex(digits)


def _keys_in(path: str | None) -> list[bytes]:
    if path is None:
        return []
    lines = [line.strip() for line in _text_of(path).splitlines() if line.strip() and not line.startswith("#")]
    try:
        return [_key(line) for line in lines]
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise CannotCheck(f"{path}: every line is to be a key or a fingerprint of 64 hexadecimal digits.") from error


def _text_of(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(_MOST_TEXT).decode("utf-8", "replace")


class _Kept:
    """Checkpoints kept outside: notes by organisation and size. Their signatures are checked when one is needed."""

    def __init__(self) -> None:
        self.notes: dict[str, dict[int, list[str]]] = {}

    def add(self, note: str) -> bool:
        lines = note.split("\n", 2)
        if len(lines) < 3 or not (lines[1].isascii() and lines[1].isdigit() and len(lines[1]) < 19):
            return False
        organisation = lines[0].rpartition("/")[2]
        self.notes.setdefault(organisation, {}).setdefault(int(lines[1]), []).append(note)
        return True

    def of(self, organisation: str) -> Mapping[int, Sequence[str]]:
        return self.notes.get(organisation, {})


def _outside(checkpoints: Sequence[str], anchors: str | None) -> _Kept:
    kept = _Kept()
    for path in checkpoints:
        if not kept.add(_text_of(path)):
            raise CannotCheck(f"{path}: this is not a checkpoint.")
    if anchors is not None:
        for number, note in _anchored(anchors):
            if not kept.add(note):
                raise CannotCheck(f"{anchors}: line {number} holds no checkpoint.")
    return kept


def _anchored(path: str) -> Iterable[tuple[int, str]]:
    """The notes in an anchor file: JSON, one to a line, the note under `note`; "" for a line that cannot be read.

    Passed over are restore markers, and lines that were broken off: the last one without its end, and one that the
    next line calls torn.
    """
    with open(path, "rb") as file:
        number = unread = held = 0
        while line := file.readline(_MOST_LINE):
            number += 1
            note = _note_in(line)
            if held and not line.startswith(_TORN):
                unread = unread or held
            held = number if note is None and line.endswith(b"\n") else 0
            if note:
                yield number, note
        if unread or held:
            yield unread or held, ""


def _note_in(line: bytes) -> str | None:
    """An empty text for a line that holds no checkpoint and says so, None for one that cannot be read."""
    try:
        row = json.loads(line)
        return "" if "torn" in row or row.get("restored") else str(row["note"])
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None


def _check(path: str, pins: Sequence[bytes], outside: _Kept, processes: int) -> Result:
    try:
        with opened(path) as (stream, as_it_is):
            if as_it_is and stream.read(len(MAGIC)) != MAGIC:
                return _proof(path, pins)
            if as_it_is:
                stream.seek(0)
            report = files.check(
                stream, pins=pins, outside=outside.of, path=path if as_it_is else None, processes=processes
            )
    except (NotALedgerFile, NotAProof, *HOSTILE) as error:
        reason = str(error) if isinstance(error, NotALedgerFile | NotAProof) else "It cannot be read."
        raise CannotCheck(f"{path}: {reason}") from error
    sentence = (
        f"{report.kind} of {report.organisation}: {report.entries} entries, {report.first} to {report.last}, "
        f"are those that the checkpoint of {report.checkpoint} entries signed."
    )
    if outside.of(report.organisation):
        sentence += f" Held against {report.compared} checkpoints kept elsewhere."
    return Result(
        path, report.kind, report.organisation, sentence, report.problem, report, fingerprints=report.fingerprints
    )


def _proof(path: str, pins: Sequence[bytes]) -> Result:
    proof = proofs.read(_text_of(path))
    found = proofs.check(proof, pins=pins)
    if proof.older is None:
        kind, sentence = "inclusion", f"entry {proof.index + 1} of {found.organisation} is in the ledger"
        sentence += f" that the checkpoint of {max(found.sizes, default=0)} entries signed."
    else:
        kind = "consistency"
        sentence = f"the ledger of {found.organisation} only grew between its checkpoints of {found.sizes} entries."
    return Result(
        path, kind, found.organisation, sentence, found.problem, entry=found.entry, fingerprints=found.fingerprints
    )


def _chain(results: Sequence[Result]) -> None:
    """Hold files without gaps against one another: each begins where the one before it ended."""
    whole = [result for result in results if result.problem is None and result.report and result.kind != EXTRACT]
    rows = sorted(whole, key=lambda row: (row.organisation, row.kind, row.report.first if row.report else 0))
    for one, other in pairwise(rows):
        if (one.organisation, one.kind) == (other.organisation, other.kind):
            other.problem = _joint(one.report, other.report)


def _joint(one: Report | None, other: Report | None) -> Problem | None:
    if not (one and other and one.trailer and other.trailer):
        return None
    if other.first > one.last + 1:
        return Problem(BreakKind.MISSING, one.last + 1, "A file is missing between the one before and this one.")
    if other.first <= one.last:
        return Problem(BreakKind.INSERTED, other.first, "The file before this one has the entry already.")
    if other.trailer.before != one.trailer.after:
        return Problem(BreakKind.FORK, other.first, "The file does not follow from the one before it.")
    if other.trailer.previous not in (None, one.trailer.content):
        return Problem(BreakKind.FORK, other.first, "The file was signed as following another one.")
    return None


def _ok(results: Sequence[Result]) -> bool:
    return all(result.problem is None for result in results)


def _words(results: Sequence[Result], *, pinned: bool) -> Iterable[str]:
    for result in results:
        problem = result.problem
        if problem is None:
            yield f"GOOD {result.path}: {result.sentence}"
        else:
            where = f" at entry {problem.seq}" if problem.seq is not None else ""
            yield f"NOT GOOD {result.path}: {result.organisation}: {problem.kind.value}{where}. {problem.text}"
    if not pinned:
        for fingerprint in sorted({text for result in results for text in result.fingerprints}):
            yield f"Signed by the key {fingerprint}, which the file itself names. Ask the care home for its own by"
            yield "another way, and run again with --key: anybody can sign a file with a key of their own."


def _could_not(error: Exception, *, as_json: bool) -> int:
    reason = f"{error.filename}: {error.strerror}." if isinstance(error, OSError) else str(error)
    if as_json:
        print(json.dumps({"ok": None, "error": reason}))
    print(_plain(f"Could not check. {reason}"), file=sys.stderr)
    return 2


def _plain(text: str) -> str:
    """Text that cannot play tricks with a terminal."""
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text[:2000])
