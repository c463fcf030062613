"""Extracts: chosen entries in one file that proves each of them and shows only hashes of all others.

A file in a ZIP with the verifier and a page of instructions. Written in two passes over the ledger, both with a memory
that does not grow: the first makes sure that entries and hashes lead to the signed root, the second writes.
"""

import hashlib
import io
import zipfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import resources
from typing import IO, Any
from uuid import UUID

from audit import containers, merkle, proofs, sealed, signing, tiles
from audit.errors import NotAsSealed
from audit.sealed import SignedHead
from audit.verify import files

MEMBER = "extract.ledger"
_PAGE = 20_000
_PROGRAM = ("__init__.py", "canonical.py", "chain.py", "merkle.py")
_VERIFIER = ("__init__.py", "blocks.py", "command.py", "containers.py", "entries.py", "files.py", "frames.py",
             "proofs.py", "signed.py")  # fmt: skip
_ABOUT = """This ZIP file holds an extract of a care home's ledger: some of its entries, each proven.

  extract.ledger   the entries; of all others only hashes
  verify.pyz       the program that checks it (Python 3.11 or newer, with the package `cryptography`)

Run

    python verify.pyz THIS-FILE.zip --key {fingerprint}

and compare the key's fingerprint with the one the care home gave you by another way. Who does not trust the program
in here takes the same from elsewhere, or writes one: the format is described in full in the ledger's FORMAT.md.

The check shows that every entry in the extract stands in the ledger at its number, as it was sealed, and that the
ledger was signed as a whole. It cannot show that nothing was left out: the person who made the extract chose the
entries. Details, where they are shown in clear, are those the care home opened; sealed is their encrypted form.
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries. Every condition given must hold; seqs: exactly these numbers. since, until: of the act, aware."""

    seqs: Sequence[int] | None = None
    resident: UUID | None = None
    actor: str | None = None
    device: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What was written. sha256: of the file of entries within the ZIP file."""

    entries: int
    checkpoint: int
    sha256: bytes
    about: dict[str, Any] = field(default_factory=dict)


def write_extract(
    organisation_id: UUID, selection: Selection, *, to: IO[bytes], with_details: bool = False, opened: bool = False
) -> Written:
    """Write the entries chosen, up to the latest checkpoint, to a stream. Whoever calls this seals that it was done.

    with_details: with the encrypted details and their salt, so that commitments can be checked; opened: and in clear,
    where their key still exists. Raises NotSignedYet, NotAsSealed.
    """
    head = sealed.latest_head(organisation_id)
    tree = _sound_tree(organisation_id, selection, head)
    with zipfile.ZipFile(to, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (("verify.pyz", verifier_program()), ("READ ME.txt", _about())):
            archive.writestr(_fixed(name), content)
        with archive.open(_fixed(MEMBER), "w", force_zip64=True) as stream:
            writer = _writer(organisation_id, stream, with_details=with_details or opened)
            for seqs in _pages(organisation_id, selection, head.size):
                for shown in sealed.chosen(organisation_id, seqs, opened=opened):
                    _hide(writer, tree, until=shown.seq - 1)
                    writer.show(shown)
            _hide(writer, tree, until=head.size)
            if writer.tree.root() != head.root:
                raise NotAsSealed("The entries changed while they were written. Run ledger_verify.")
            writer.finish(head.note)
    return Written(writer.entries, head.size, writer.sha256)


def _writer(organisation_id: UUID, stream: IO[bytes], *, with_details: bool) -> containers.Writer:
    return containers.Writer(
        stream,
        kind=files.EXTRACT,
        organisation_id=organisation_id,
        signer=signing.signer(),
        keys=sealed.public_keys(),
        about={},
        with_details=with_details,
    )


def _hide(writer: containers.Writer, tree: tiles.Tree, *, until: int) -> None:
    for level, index in merkle.cover(writer.tree.size, until):
        writer.hide(level, tree.node_at(level, index))


def _sound_tree(organisation_id: UUID, selection: Selection, head: SignedHead) -> tiles.Tree:
    """The first pass: the quickest tree whose hashes lead to the signed root. Raises NotAsSealed."""
    for tree in tiles.trees(organisation_id):
        try:
            if _root(organisation_id, selection, head.size, tree) == head.root:
                return tree
        except tiles.HashesMissing:
            pass
        proofs.told(organisation_id)
    raise NotAsSealed("The ledger does not lead to its signed root. Run ledger_verify.")


def _root(organisation_id: UUID, selection: Selection, size: int, tree: tiles.Tree) -> bytes:
    whole = merkle.Accumulator()
    for seqs in _pages(organisation_id, selection, size):
        sql = "SELECT seq, leaf FROM audit_seal WHERE organisation_id = %s AND seq = ANY(%s) ORDER BY seq"
        for seq, leaf in sealed.rows_of(sql, [organisation_id, list(seqs)]):
            _pass_over(whole, tree, until=seq - 1)
            whole.add(0, bytes(leaf))
    _pass_over(whole, tree, until=size)
    return whole.root()


def _pass_over(whole: merkle.Accumulator, tree: tiles.Tree, *, until: int) -> None:
    for level, index in merkle.cover(whole.size, until):
        whole.add(level, tree.node_at(level, index))


def _pages(organisation_id: UUID, selection: Selection, size: int) -> Iterator[Sequence[int]]:
    """Numbers of the entries chosen, ascending, a page at a time. Raises NotAsSealed for a number that is not there."""
    if selection.seqs is not None:
        numbers = array("q", sorted(set(selection.seqs)))
        if numbers and not 0 < numbers[0] <= numbers[-1] <= size:
            raise NotAsSealed("An entry asked for is not in the ledger that the latest checkpoint signed.")
        yield from (numbers[at : at + _PAGE] for at in range(0, len(numbers), _PAGE))
        return
    conditions, parameters = _conditions(selection)
    sql = (  # the conditions are words of our own
        "SELECT s.seq FROM audit_seal s JOIN audit_event e"  # noqa: S608
        " ON e.organisation_id = s.organisation_id AND e.id = s.event_id AND e.at = s.at"
        " WHERE s.organisation_id = %s AND s.seq > %s AND s.seq <= %s" + conditions + " ORDER BY s.seq LIMIT %s"
    )
    after = 0
    while rows := sealed.rows_of(sql, [organisation_id, after, size, *parameters, _PAGE]):
        yield array("q", (row[0] for row in rows))
        after = rows[-1][0]


def _conditions(selection: Selection) -> tuple[str, list[Any]]:
    named = {
        " AND e.actor = %s": selection.actor,
        " AND e.device = %s": selection.device,
        " AND e.subject = %s": selection.subject,
        " AND s.at >= %s": selection.since,
        " AND s.at < %s": selection.until,
        (
            " AND EXISTS (SELECT 1 FROM audit_mention m WHERE m.organisation_id = e.organisation_id"
            " AND m.event_id = e.id AND m.at = e.at AND m.resident_id = %s)"
        ): selection.resident,
    }
    given = {condition: value for condition, value in named.items() if value is not None}
    return "".join(given), list(given.values())


def _fixed(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))


def _about() -> str:
    return _ABOUT.format(fingerprint=signing.signer().fingerprint)


@cache
def verifier_program() -> bytes:
    """The standalone verifier as one runnable file (a zipapp); the same bytes whenever it is made."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as program:
        main = (
            "import sys\n\nfrom audit.verify.command import main\n\nif __name__ == '__main__':\n    sys.exit(main())\n"
        )
        program.writestr(_fixed("__main__.py"), main)
        for folder, names in (("audit", _PROGRAM), ("audit/verify", _VERIFIER)):
            for name in names:
                source = resources.files(folder.replace("/", ".")).joinpath(name).read_bytes()
                program.writestr(_fixed(f"{folder}/{name}"), source)
    return b"#!/usr/bin/env python3\n" + packed.getvalue()


def sha256_of(stream: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in stream:
        digest.update(part)
    return digest.digest()
