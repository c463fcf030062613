"""Segments: the ledger by closed days (UTC, by when entries were sealed) in files that are chained to one another."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import IO
from uuid import UUID

from audit import containers, merkle, sealed, signing, tiles
from audit.canonical import GENESIS
from audit.errors import NotAsSealed
from audit.verify import files, frames, signed

SUFFIX = ".ledger"


@dataclass(frozen=True, slots=True)
class Whole:
    """A file of entries first … last without a gap, as it was written."""

    path: Path
    first: int
    last: int
    sha256: bytes
    note: str
    digest: bytes
    frontier: list[bytes]


def write_segments(organisation_id: UUID, folder: Path, *, today: date) -> list[Whole]:
    """Write a segment for each closed day that has none yet; what is there already stays as it is.

    folder: where the organisation's folder is. today: in UTC; the day that is not closed yet.
    Raises NotSignedYet, NotAsSealed, OSError.
    """
    home = folder / str(organisation_id)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    previous = last_segment(home)
    written: list[Whole] = []
    while True:
        after = previous.last if previous else _before_first(organisation_id)
        day = _day_of(organisation_id, after + 1)
        if day is None or day >= today:
            return written
        end = datetime.combine(day + timedelta(days=1), time(), UTC)
        last = sealed.last_before(organisation_id, end, after=after, by_sealing=True)
        path = home / f"{day:%Y-%m-%d}_{after + 1:012d}-{last:012d}{SUFFIX}"
        written.append(
            write_whole(
                organisation_id,
                path,
                kind=files.SEGMENT,
                first=after + 1,
                last=last,
                previous=previous,
                about={"day": f"{day}"},
            )
        )
        previous = last_segment(home)


def last_segment(folder: Path) -> signed.Trailer | None:
    """What the newest segment's trailer says. Raises NotAsSealed where it is none of ours."""
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    return trailer_of(paths[-1]) if paths else None


def trailer_of(path: Path) -> signed.Trailer:
    """Raises NotAsSealed."""
    try:
        with path.open("rb") as stream:
            frames.read_magic(stream)
            last = None
            for frame in frames.frames(stream, skipping=frames.ENTRIES + frames.DETAILS):
                last = frame
        if last is None or last.type != frames.TRAILER or last.payload is None:
            raise frames.Damaged("It has lost its end.")
        return signed.open_trailer(last.payload.decode(), sealed.public_keys())
    except (frames.NotALedgerFile, frames.Damaged, signed.BadSignature, UnicodeDecodeError) as error:
        raise NotAsSealed(f"{path.name} is not a file that we wrote. Move it away and try again.") from error


def write_whole(
    organisation_id: UUID,
    path: Path,
    *,
    kind: str,
    first: int,
    last: int,
    previous: signed.Trailer | None,
    about: dict[str, object],
) -> Whole:
    """Write entries first … last into one file, or none: it appears under its name only when it is whole.

    With encrypted details in an archive, without any in a segment. Raises NotSignedYet, NotAsSealed, OSError.
    """
    head = sealed.signed_head(organisation_id, at_least=last)
    before = _digest_before(organisation_id, first, previous)
    for tree in tiles.trees(organisation_id):
        try:
            with _replacing(path) as stream:
                writer = containers.Writer(
                    stream,
                    kind=kind,
                    organisation_id=organisation_id,
                    signer=signing.signer(),
                    keys=sealed.public_keys(),
                    about=about,
                    before=before,
                    with_details=kind == files.ARCHIVE,
                    previous=previous.content if previous else None,
                )
                _cover(writer.hide, tree, 0, first - 1)
                for shown in sealed.entries(organisation_id, after=first - 1, until=last):
                    writer.show(shown)
                writer.flush()
                frontier = writer.tree.frontier
                _cover(writer.hide, tree, last, head.size)
                if writer.tree.root() != head.root or writer.digest != sealed.digest_at(organisation_id, last):
                    raise tiles.HashesMissing("The entries do not lead to the signed root.")
                note = writer.finish(head.note)
            return Whole(path, first, last, writer.sha256, note, writer.digest, frontier)
        except tiles.HashesMissing:
            continue
    raise NotAsSealed(f"Entries {first} to {last} do not lead to the signed root. Run ledger_verify.")


def _cover(hide: Callable[[int, bytes], None], tree: tiles.Tree, start: int, end: int) -> None:
    for level, index in merkle.cover(start, end):
        hide(level, tree.node_at(level, index))


def _digest_before(organisation_id: UUID, first: int, previous: signed.Trailer | None) -> bytes:
    if first == 1:
        return GENESIS
    if previous is not None and previous.last == first - 1:
        return previous.after
    digest = sealed.digest_at(organisation_id, first - 1) or sealed.archived_digest(organisation_id, first - 1)
    if digest is None:
        raise NotAsSealed(f"Entry {first - 1} is neither in the ledger nor archived. Run ledger_verify.")
    return digest


def _before_first(organisation_id: UUID) -> int:
    return (sealed.first_live(organisation_id) or 1) - 1


def _day_of(organisation_id: UUID, seq: int) -> date | None:
    sql = "SELECT coalesce(sealed_at, at) FROM audit_seal WHERE organisation_id = %s AND seq = %s"
    rows = sealed.rows_of(sql, [organisation_id, seq])
    return rows[0][0].astimezone(UTC).date() if rows else None


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose content takes the name only at its end, on the disk; nothing is left of a failure."""
    draft = path.with_suffix(".part")
    try:
        with draft.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
