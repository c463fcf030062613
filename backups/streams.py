"""The pipeline's pieces: pg_dump → zstd → age → file and back, in constant memory.

pyrage pulls from a reader and pushes into a writer, and turns what they raise into its own errors; so each end keeps
the first exception it met, and the pipeline raises that one.
"""

import hashlib
import io
from collections.abc import Sequence
from typing import Any, BinaryIO, Protocol, cast

import pyrage
import zstandard
from pyrage import x25519

from backups.errors import DataDamaged, WrongIdentity

BLOCK = 1 << 20  # bytes
_ZSTD_WINDOW = 1 << 27  # bytes; refuses a frame that would ask for more memory than this


class Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


class Writable(Protocol):
    def write(self, data: bytes, /) -> int | None: ...


class Intake(io.RawIOBase):
    """A reader that counts, remembers what went wrong, and feeds a hash where one is given."""

    def __init__(self, source: Readable, *, into: "hashlib._Hash | None" = None) -> None:
        self._source, self._hash = source, into
        self.bytes = 0
        self.failure: Exception | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        try:
            data = self._source.read(size if size > 0 else BLOCK)
        except Exception as error:
            self.failure = self.failure or error
            raise
        if self._hash is not None:
            self._hash.update(data)
        self.bytes += len(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Outlet(io.RawIOBase):
    """A writer that counts, remembers what went wrong, and feeds a hash where one is given."""

    def __init__(self, sink: Writable, *, into: "hashlib._Hash | None" = None) -> None:
        self._sink, self._hash = sink, into
        self.bytes = 0
        self.failure: Exception | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        try:
            self._sink.write(data)
        except Exception as error:
            self.failure = self.failure or error
            raise
        if self._hash is not None:
            self._hash.update(data)
        self.bytes += len(data)
        return len(data)


def seal(source: BinaryIO, sink: BinaryIO, recipients: Sequence[x25519.Recipient]) -> tuple[int, int, str]:
    """Compress and encrypt source into sink; returns bytes in, bytes out and the SHA-256 of what was written.

    Raises what source or sink raised.
    """
    sha256 = hashlib.sha256()
    plain, cipher = Intake(source), Outlet(sink, into=sha256)
    compressed = Intake(
        zstandard.ZstdCompressor(level=1, write_checksum=True).stream_reader(cast(BinaryIO, plain), read_size=BLOCK)
    )
    try:
        pyrage.encrypt_io(compressed, cipher, list(recipients))
    except (pyrage.EncryptError, OSError) as error:
        raise cipher.failure or plain.failure or compressed.failure or error from error
    return plain.bytes, cipher.bytes, sha256.hexdigest()


def unseal(source: BinaryIO, sink: Writable, identities: Sequence[x25519.Identity]) -> tuple[int, str]:
    """Decrypt and expand source into sink; returns the bytes written and the SHA-256 of the encrypted bytes read.

    Every block is authenticated before it is passed on, but the end is only known to be the end when this returns.
    Raises WrongIdentity, DataDamaged, and what source or sink raised.
    """
    sha256 = hashlib.sha256()
    cipher, plain = Intake(source, into=sha256), Outlet(sink)
    expanded = Outlet(
        zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_writer(cast(BinaryIO, plain), closefd=False)
    )
    try:
        pyrage.decrypt_io(cipher, expanded, list(identities))
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise WrongIdentity("The age identity here is not one that this set was encrypted for.") from error
        raise DataDamaged("The encrypted data does not begin as an age file does.") from error
    except OSError as error:
        if failure := cipher.failure or plain.failure:
            raise failure from error
        raise DataDamaged("The encrypted data was cut, changed or put in another order.") from error
    while cipher.read(BLOCK):  # what follows the end belongs to the checked bytes too
        pass
    return plain.bytes, sha256.hexdigest()


def digest(source: BinaryIO) -> tuple[int, str]:
    """Bytes and SHA-256 of a stream."""
    sha256 = hashlib.sha256()
    intake = Intake(source, into=sha256)
    while intake.read(BLOCK):
        pass
    return intake.bytes, sha256.hexdigest()
