"""Where sets are kept. A destination shows finished sets only: a draft becomes visible by one rename.

The directory destination is the one that is built. Another kind (object storage with retention lock) has to offer the
methods of `Destination` and an entry in `_KINDS`.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from backups.errors import BackupError, DestinationUnusable, SetNotFound

DATA, MANIFEST, SIGNATURE = "data.pgdump.zst.age", "manifest.json", "manifest.sig"
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_DRAFT = ".partial"
_SMALL = 64 << 20  # bytes; a manifest is never larger


class Draft(Protocol):
    def create(self, part: str) -> BinaryIO: ...


class Destination(Protocol):
    """Names are those of finished sets, `20261123T013000Z-1f2e3d4c`, so they sort by time."""

    url: str

    def names(self) -> list[str]: ...

    def place(self, name: str) -> str: ...

    def open(self, name: str, part: str) -> BinaryIO: ...

    def read(self, name: str, part: str) -> bytes: ...

    def draft(self, name: str) -> AbstractContextManager[Draft]: ...

    def remove(self, name: str) -> None: ...

    def sweep(self) -> int: ...


class DirectoryDraft:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: list[BinaryIO] = []

    def create(self, part: str) -> BinaryIO:
        descriptor = os.open(self._folder / part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        file = os.fdopen(descriptor, "wb")
        self._open.append(file)
        return file

    def finish(self) -> None:
        for file in self._open:
            file.flush()
            os.fsync(file.fileno())
            file.close()
        _flush_folder(self._folder)

    def abandon(self) -> None:
        for file in self._open:
            try:
                file.close()
            except OSError:  # the disk is full; what was buffered is thrown away with the folder
                continue


class DirectoryDestination:
    """A folder, 0700, with one folder per set. Put it on another disk than the database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = folder.absolute().as_uri()

    def names(self) -> list[str]:
        """Finished sets, oldest first; none where the folder is not there yet."""
        try:
            found = [entry.name for entry in os.scandir(self.folder) if entry.is_dir() and _NAME.fullmatch(entry.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unusable(error) from error
        return sorted(found)

    def place(self, name: str) -> str:
        return str(self.folder / name)

    def open(self, name: str, part: str) -> BinaryIO:
        try:
            return (self._folder_of(name) / part).open("rb")
        except FileNotFoundError as error:
            raise SetNotFound(f"The set {name} has no file {part}.") from error
        except OSError as error:
            raise _unusable(error) from error

    def read(self, name: str, part: str) -> bytes:
        """The whole of a small part."""
        with self.open(name, part) as file:
            return file.read(_SMALL)

    @contextmanager
    def draft(self, name: str) -> Iterator[Draft]:
        """A place to write a set's files; seen as a set only after the block ended well and all is on disk."""
        self._check(name)
        partial = self.folder / f".{name}{_DRAFT}"
        draft = DirectoryDraft(partial)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial.mkdir(mode=0o700)
            yield draft
            draft.finish()
            partial.rename(self.folder / name)
            _flush_folder(self.folder)
        except BackupError:
            raise
        except OSError as error:
            raise _unusable(error) from error
        finally:
            draft.abandon()
            shutil.rmtree(partial, ignore_errors=True)

    def remove(self, name: str) -> None:
        """Take a set out of sight by one rename, then delete it."""
        gone = self.folder / f".{name}{_DRAFT}"
        try:
            self._folder_of(name).rename(gone)
            shutil.rmtree(gone)
        except FileNotFoundError as error:
            raise SetNotFound(f"There is no set {name}.") from error
        except OSError as error:
            raise _unusable(error) from error

    def sweep(self) -> int:
        """Delete drafts that a stopped process left; only while no other backup runs. Returns how many."""
        left = [path for path in self.folder.glob(f".*{_DRAFT}") if path.is_dir()]
        for path in left:
            shutil.rmtree(path, ignore_errors=True)
        return len(left)

    def _folder_of(self, name: str) -> Path:
        self._check(name)
        folder = self.folder / name
        if not folder.is_dir():
            raise SetNotFound(f"There is no set {name} at the destination.")
        return folder

    def _check(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise SetNotFound(f"{name[:80]} is not the name of a set.")


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_REASONS = {
    errno.ENOSPC: "The destination's disk is full; nothing of this backup was kept.",
    errno.EDQUOT: "The destination's quota is used up; nothing of this backup was kept.",
    errno.EFBIG: "The destination does not take files this large; nothing of this backup was kept.",
    errno.EACCES: "The destination may not be written to or read by this user.",
    errno.EPERM: "The destination may not be written to or read by this user.",
    errno.EROFS: "The destination is read-only.",
    errno.ENOENT: "The destination's folder is not there.",
    errno.ENOTDIR: "The destination is not a folder.",
    errno.EEXIST: "A set of this name is there already.",
}


def _unusable(error: OSError) -> DestinationUnusable:
    return DestinationUnusable(
        _REASONS.get(error.errno or 0) or f"The destination failed: {error.strerror or 'I/O error'}."
    )


def _directory(url: str) -> DirectoryDestination:
    return DirectoryDestination(Path(unquote(urlsplit(url).path)))


_KINDS: dict[str, Callable[[str], Destination]] = {"file": _directory}


def destination_at(place: str) -> Destination:
    """The destination of a URL (`file:///…`) or of a plain folder path. Raises DestinationUnusable."""
    scheme = urlsplit(place).scheme
    if not scheme:
        if not place.strip():
            raise DestinationUnusable("No destination was named.")
        return DirectoryDestination(Path(place).absolute())
    if scheme not in _KINDS:
        raise DestinationUnusable(f"Destinations of the kind {scheme} are not known. Use a folder, or file:///….")
    return _KINDS[scheme](place)


def find_set(text: str, default: Destination) -> tuple[Destination, str]:
    """The set a person named: by its name at the default destination, or by the path of its folder."""
    if _NAME.fullmatch(text):
        return default, text
    path = Path(unquote(urlsplit(text).path) if text.startswith("file:") else text)
    path = path.absolute()
    if not path.is_dir():
        raise SetNotFound(f"There is no set {text}.")
    return DirectoryDestination(path.parent), path.name
