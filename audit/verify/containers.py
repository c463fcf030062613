"""Opening what people hand over: a file of the ledger as it is, compressed with gzip, or inside a ZIP file."""

import gzip
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from audit.verify.frames import NotALedgerFile

SUFFIX = ".ledger"
_END = b"PK\x05\x06"
_MOST_DIRECTORY = 1 << 20
# What the standard library raises over a file that only looks like a ZIP or gzip file.
HOSTILE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, LookupError)


@contextmanager
def opened(path: str) -> Iterator[tuple[IO[bytes], bool]]:
    """The stream of ledger bytes, and whether they stand in the file as they are. Raises NotALedgerFile, OSError."""
    with open(path, "rb") as file:
        start = file.read(4)
        file.seek(0)
        if start[:2] == b"\x1f\x8b":
            with gzip.open(file) as stream:
                yield cast(IO[bytes], stream), False
        elif start == b"PK\x03\x04":
            _refuse_large_directory(file)
            with zipfile.ZipFile(file) as archive, archive.open(_member(archive)) as member:
                yield member, False
        else:
            yield file, True


def _refuse_large_directory(file: IO[bytes]) -> None:
    """`zipfile` reads a ZIP file's directory whole, however large it claims to be."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 65_557))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or at + 16 > len(tail) or int.from_bytes(tail[at + 12 : at + 16], "little") > _MOST_DIRECTORY:
        raise NotALedgerFile("The ZIP file's directory is damaged or too large; take the .ledger file out of it first.")
    file.seek(0)


def _member(archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if name.endswith(SUFFIX)]
    if len(names) != 1:
        raise NotALedgerFile("The ZIP file does not hold exactly one .ledger file.")
    return names[0]
