"""Making a set and holding one against its own manifest.

A set is `<name>/data.pgdump.zst.age`, `manifest.json` and `manifest.sig`. Without any of this code it opens with
`age -d -i IDENTITY data.pgdump.zst.age | zstd -d | pg_restore -d DATABASE`.

Decision: pg_dump's custom format, uncompressed, because pg_restore reads it from a pipe; so no clear data ever lies on
a disk, neither while making nor while restoring. A parallel restore is 1.2 × as fast, but wants a clear file.
"""

import fcntl
import secrets
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol, cast
from uuid import UUID

from pyrage import x25519

from backups import manifest as manifests
from backups.destinations import DATA, MANIFEST, SIGNATURE, Destination
from backups.errors import (
    DataDamaged,
    DumpFailed,
    ManifestUnreadable,
    SetFaulty,
    SetNotFound,
    SetSwapped,
    SignatureWrong,
)
from backups.inventory import exported_snapshot, take_inventory
from backups.manifest import Manifest
from backups.postgres import Address, complaint, plainly, program, server_major
from backups.streams import digest, seal, unseal

_PIPE_BYTES = 1 << 20


class Signs(Protocol):
    @property
    def key_id(self) -> str: ...

    def sign(self, message: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class MadeSet:
    """place: where it lies, as a person would look for it."""

    manifest: Manifest
    destination: str
    place: str


def set_name(taken_at: datetime) -> str:
    return f"{taken_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def make_set(
    *, id: UUID, database: Address, destination: Destination, recipients: Sequence[x25519.Recipient], signer: Signs
) -> MadeSet:
    """Dump the whole database into a new set at the destination.

    database: as a role that row security does not hold back. Constant memory; nothing clear touches a disk.
    Raises NoDatabase, ToolMissing, DumpFailed, DestinationUnusable; no part of a failed set stays.
    """
    with plainly(DumpFailed, "to be read"), exported_snapshot(database) as snapshot:
        name = set_name(snapshot.taken_at)
        inventory = take_inventory(snapshot.connection)
        with destination.draft(name) as draft:
            file = draft.create(DATA)
            major = server_major(snapshot.connection)
            dump_bytes, size, sha256 = _dump(database, snapshot.id, major, file, recipients)
            manifest = Manifest(
                id=id,
                name=name,
                created_at=snapshot.taken_at,
                size=size,
                sha256=sha256,
                dump_bytes=dump_bytes,
                postgresql=inventory.postgresql,
                schema=inventory.schema,
                tables=inventory.tables,
                organisations=inventory.organisations,
                wrapping_keys=inventory.wrapping_keys,
                recipients=tuple(str(recipient) for recipient in recipients),
            )
            content = manifest.to_bytes()
            draft.create(MANIFEST).write(content)
            draft.create(SIGNATURE).write(manifests.signature_line(signer.key_id, signer.sign(content)))
    return MadeSet(manifest=manifest, destination=destination.url, place=destination.place(name))


def _dump(
    database: Address, snapshot: str, major: int, sink: BinaryIO, recipients: Sequence[x25519.Recipient]
) -> tuple[int, int, str]:
    arguments, environment = database.child()
    command = [program("pg_dump", major), "--format=custom", "--compress=0", f"--snapshot={snapshot}", *arguments]
    with tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, stdin=subprocess.DEVNULL, env=environment
        )
        stdout = cast(BinaryIO, process.stdout)
        widen(stdout)
        try:
            sealed = seal(stdout, sink, recipients)
            status = process.wait()
        finally:
            end_child(process)
        if status != 0:
            stderr.seek(0)
            raise DumpFailed(f"pg_dump stopped before the end: {complaint(stderr.read(1 << 16))}.")
    return sealed


def widen(pipe: BinaryIO) -> None:
    """A larger pipe buffer where the system has one; only speed depends on it."""
    try:
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        return


def end_child(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue


def read_manifest(destination: Destination, name: str, public_keys: Mapping[str, bytes]) -> Manifest:
    """The set's manifest, once its signature holds and it belongs to this set.

    Raises SetNotFound, ManifestUnreadable, SignatureWrong, SetSwapped.
    """
    names = destination.names()
    if name not in names:
        raise SetNotFound(f"There is no set {name} at the destination.")
    try:
        content = destination.read(name, MANIFEST)
    except SetNotFound as error:
        raise ManifestUnreadable(f"The set {name} has no manifest.") from error
    try:
        line = destination.read(name, SIGNATURE)
    except SetNotFound as error:
        raise SignatureWrong(f"The set {name} has no signature.") from error
    manifests.check_signature(content, line, public_keys)
    manifest = manifests.from_bytes(content)
    if manifest.name != name:
        raise SetSwapped(f"The manifest in {name} is that of the set {manifest.name}: the set was renamed or put back.")
    return manifest


def check_data(destination: Destination, manifest: Manifest) -> None:
    """Hold the encrypted file against the manifest. Needs no private key. Raises DataDamaged."""
    try:
        with destination.open(manifest.name, DATA) as file:
            size, sha256 = digest(file)
    except SetNotFound as error:
        raise DataDamaged(f"The set {manifest.name} has no data file.") from error
    if size < manifest.size:
        raise DataDamaged(f"The data file is cut: {size:,} of {manifest.size:,} bytes are there.")
    if size > manifest.size or sha256 != manifest.sha256:
        raise DataDamaged("The data file is not the one that the manifest was signed for.")


class _Nowhere:
    def write(self, data: bytes, /) -> int:
        return len(data)


def check_opening(destination: Destination, manifest: Manifest, identities: Sequence[x25519.Identity]) -> None:
    """Decrypt and expand the whole set into nothing. Raises WrongIdentity, DataDamaged."""
    with destination.open(manifest.name, DATA) as file:
        written, sha256 = unseal(file, _Nowhere(), identities)
    check_unsealed(manifest, written, sha256)


def check_unsealed(manifest: Manifest, written: int, sha256: str) -> None:
    """The file may have been exchanged between the first check and the reading, so what was read is held again."""
    if sha256 != manifest.sha256 or written != manifest.dump_bytes:
        raise DataDamaged("The data that was read is not what the manifest was signed for.")


@dataclass(frozen=True, slots=True)
class KnownSets:
    """Sets whose manifests hold, oldest first, and what is wrong with the others, by name."""

    manifests: tuple[Manifest, ...]
    faults: Mapping[str, str]


def known_sets(destination: Destination, public_keys: Mapping[str, bytes]) -> KnownSets:
    """Every set at the destination by its manifest; the data files are not read."""
    good: list[Manifest] = []
    faults: dict[str, str] = {}
    for name in destination.names():
        try:
            good.append(read_manifest(destination, name, public_keys))
        except SetFaulty as error:
            faults[name] = str(error)
    return KnownSets(manifests=tuple(sorted(good, key=lambda manifest: manifest.created_at)), faults=faults)
