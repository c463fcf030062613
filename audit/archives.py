"""Archives: old entries leave the database for signed files, and verification goes on from where they ended.

An archive covers an organisation's entries up to the last one before the first entry dated in a month that stays. What
was sealed behind that point and is dated before it (a view is sealed up to a minute after its time) stays in the
ledger, so archives follow one another without a gap. A record in the database says where they ended; it is believed
for the signed trailer it carries, and only where the entries are really gone.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from django.db import DatabaseError, connection
from django.utils import timezone

from audit import merkle, sealed, segments, tiles
from audit.chain import ChainHead
from audit.errors import ArchiveRefused
from audit.models import Archive
from audit.verify import files, signed

_MOST_STAYING = 10_000
_FIRST = "SELECT seq FROM audit_seal WHERE organisation_id = %s AND seq > 0 ORDER BY seq LIMIT 1"


@dataclass(frozen=True, slots=True)
class Horizon:
    """Where the entries in the database begin: behind `head`, up to which they are in files."""

    head: ChainHead
    frontier: list[bytes]
    file_name: str
    file_sha256: bytes


class ForgedArchive(Exception):
    """Entries are gone from the ledger's beginning, and no signed record says that they were archived."""


def write_archive(organisation_id: UUID, folder: Path, *, before: datetime) -> Archive | None:
    """Write the organisation's entries dated before a month's beginning into a file, read it back, and record it.

    before: the first moment, in UTC, of the oldest month that stays. Returns None where nothing is to be archived.
    Raises NotSignedYet, NotAsSealed, ArchiveRefused, OSError.
    """
    first = sealed.first_live(organisation_id)
    if first is None:
        return None
    last = sealed.last_before(organisation_id, before, after=first - 1, by_sealing=False)
    _refuse_many_staying(organisation_id, last, before)
    if last < first:
        return None
    existing = Archive.objects.filter(organisation_id=organisation_id, last_seq=last).first()
    if existing is not None:
        return existing
    previous = Archive.objects.filter(organisation_id=organisation_id, last_seq=first - 1).first()
    home = folder / str(organisation_id)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    whole = segments.write_whole(
        organisation_id,
        home / f"archive-before-{before:%Y-%m}_{first:012d}-{last:012d}{segments.SUFFIX}",
        kind=files.ARCHIVE,
        first=first,
        last=last,
        previous=signed.open_trailer(previous.note, sealed.public_keys()) if previous else None,
        about={"before": before.isoformat()},
    )
    read_back(whole.path, whole.sha256)
    return Archive.objects.create(
        organisation_id=organisation_id,
        before=before,
        first_seq=first,
        last_seq=last,
        digest=whole.digest,
        frontier=merkle.pack(whole.frontier),
        tail=merkle.pack(tiles.tail(organisation_id, last)),
        file_name=whole.path.name,
        file_sha256=whole.sha256,
        note=whole.note,
        written_at=timezone.now(),
    )


def _refuse_many_staying(organisation_id: UUID, last: int, before: datetime) -> None:
    """A clock that ran years ahead dates one entry far off; all behind it would stay, and nothing would be archived."""
    sql = "SELECT count(*), min(seq) FROM audit_seal WHERE organisation_id = %s AND seq > %s AND at < %s"
    count, _ = sealed.rows_of(sql, [organisation_id, last, before])[0]
    if count > _MOST_STAYING:
        raise ArchiveRefused(
            f"{count} entries dated before {before:%Y-%m} stand behind entry {last + 1}, which is dated later: its"
            " clock was wrong. Archive with a later month, which includes that entry."
        )


def read_back(path: Path, sha256: bytes) -> files.Report:
    """Verify a file as written to the disk. Raises ArchiveRefused."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    with path.open("rb") as stream:
        report = files.check(stream, pins=sealed.public_keys())
    if report.problem is not None or digest.digest() != sha256:
        raise ArchiveRefused(f"{path.name} does not read back as it was written. Nothing was taken out of the ledger.")
    return report


def detach(*, before: datetime, over: Any) -> int:
    """Take the monthly partitions before a month's beginning out of the ledger, of all organisations at once.

    over: a connection as the tables' owner; the application's own role may not, whatever records it wrote.
    Returns how many. The database refuses unless every organisation's entries in them are archived.
    Raises ArchiveRefused.
    """
    if before > timezone.now():
        raise ArchiveRefused("Only months that are over can be taken out of the ledger.")
    try:
        with over.cursor() as cursor:
            cursor.execute("SET lock_timeout = '10s'")
            cursor.execute("SELECT audit_detach_archived(%s)", [before])
            return int(cursor.fetchone()[0])
    except (DatabaseError, psycopg.Error) as error:
        raise ArchiveRefused(f"The database refused: {str(error).splitlines()[0]}") from error


def horizon(organisation_id: UUID, over: Any = connection) -> Horizon | None:
    """Where the entries in the database begin, by a signed record; None where they begin at 1 or there are none.

    over: the connection to ask. Raises ForgedArchive where entries are gone and no signed record tells of them.
    """
    first = _one(over, _FIRST, [organisation_id])
    if first is not None and first[0] == 1:
        return None
    if not _one(over, "SELECT to_regclass('audit_archive') IS NOT NULL", [])[0]:
        return None  # a dump of before archives: nothing was ever archived there
    row = _one(
        over,
        "SELECT last_seq, digest, frontier, file_name, file_sha256, note FROM audit_archive"
        " WHERE organisation_id = %s AND (last_seq = %s OR %s) ORDER BY last_seq DESC LIMIT 1",
        [organisation_id, first[0] - 1 if first else 0, first is None],
    )
    if row is None:
        if first is None:
            return None
        raise ForgedArchive
    _believe(organisation_id, row)
    return Horizon(ChainHead(row[0], bytes(row[1])), merkle.unpack(bytes(row[2])), row[3], bytes(row[4]))


def _believe(organisation_id: UUID, row: Sequence[Any]) -> None:
    """Raises ForgedArchive unless our key signed for a file that ends where the record says."""
    try:
        trailer = signed.open_trailer(row[5], sealed.public_keys())
    except signed.BadSignature as error:
        raise ForgedArchive from error
    found = (trailer.kind, trailer.organisation, trailer.last, trailer.after)
    if found != (files.ARCHIVE, str(organisation_id), row[0], bytes(row[1])):
        raise ForgedArchive


def archives(organisation_id: UUID) -> list[Archive]:
    """The organisation's archives, oldest first."""
    return list(Archive.objects.filter(organisation_id=organisation_id).order_by("last_seq"))


def _one(over: Any, sql: str, parameters: list[Any]) -> Any:
    with over.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()
