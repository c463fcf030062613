"""Changing the signing key: a new one from now on, the old one retired at a checkpoint that both signed.

It can be broken off anywhere and run again. Beside the key's file lie, while it lasts, `.next` (made, not yet in use)
and `.retiring` (the old key, until every organisation has a checkpoint of both); afterwards only the new key and the
public halves of all former ones.

1. The keyring file names both public keys.   2. The new key takes the old one's place: whoever signs, signs with it.
3. Per organisation: an entry, a checkpoint signed by both, the old key's last size.   4. The old key is destroyed.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.utils import timezone

from audit import anchors, checkpoints, notes, services, signing
from audit.anchors import Anchored, HeldFile
from audit.errors import KeyringDamaged, RotationImpossible
from audit.keyring import Keyring, KnownKey, dump, ending_at
from audit.models import Checkpoint, Event
from audit.signing import Signer


class Rotation:
    """One rotation under way: the key that is retired and the one that takes its place."""

    def __init__(self, old: Signer, new: Signer) -> None:
        self.old, self.new = old, new

    def overlap(self, organisation_id: UUID, *, actor: str) -> int:
        """Sign a checkpoint of the organisation with both keys; returns its size, the last that the old one may sign.

        Raises LedgerError: this organisation's part can be done again later. Appends audit.key.rotated.
        """
        with anchors.anchor_file(organisation_id).held() as file:
            retired = self._retired()
            if organisation_id in retired.valid_until or retired.retired_at is not None:
                return retired.valid_until.get(organisation_id, 0)
            self._append(organisation_id, actor)
            checkpoint = checkpoints.sign_held(organisation_id, file, [self.new, self.old])
            assert checkpoint is not None  # there is an entry: the one about this
            self._sign_by_both(checkpoint, file)
            _keep(signing.kept_keyring().having(ending_at(retired, organisation_id, checkpoint.size)))
        return checkpoint.size

    def finish(self) -> None:
        """Retire the old key and destroy its private half, once every organisation has its overlap."""
        _keep(signing.kept_keyring().having(replace(self._retired(), retired_at=timezone.now())))
        _beside("retiring").unlink()
        _sync_folder()

    def _retired(self) -> KnownKey:
        known = signing.kept_keyring().known(self.old.name, self.old.public_key_bytes)
        if known is None:
            raise KeyringDamaged("The file of known public keys does not know the key that is being retired.")
        return known

    def _append(self, organisation_id: UUID, actor: str) -> None:
        subject = f"signing_key:{self.new.key_id}"
        if Event.objects.filter(organisation_id=organisation_id, subject=subject).exists():
            return
        services.append(
            organisation_id=organisation_id,
            actor=actor,
            action=services.LedgerEvent.KEY_ROTATED,
            subject=subject,
            detail={"retired": self.old.fingerprint, "made": self.new.fingerprint},
        )

    def _sign_by_both(self, checkpoint: Checkpoint, file: HeldFile) -> None:
        """After a crash the checkpoint may stand already, signed by the new key alone: the file takes a second note."""
        if notes.signed_by(
            checkpoint.note, name=self.old.name, public_key=self.old.public_key_bytes, verify=signing.verify
        ):
            return
        note = checkpoints.signed(notes.text_of(checkpoint.note), [self.new, self.old])
        file.append(Anchored(checkpoint.organisation_id, checkpoint.size, note, timezone.now()))


@contextmanager
def rotating() -> Iterator[Rotation]:
    """Make the new key and put it in place, or go on with a rotation that was broken off.

    Raises RotationImpossible, SigningKeyMissing, KeyringDamaged.
    """
    try:
        descriptor = os.open(_beside("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RotationImpossible("The key folder cannot be written here. Run this where it can.") from error
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> Rotation:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _swapped()
    except BlockingIOError as error:
        raise RotationImpossible("Another rotation is running.") from error
    except OSError as error:
        raise RotationImpossible("The key folder cannot be written here. Run this where it can.") from error


def _swapped() -> Rotation:
    key, following, retiring = _key_file(), _beside("next"), _beside("retiring")
    if not retiring.exists():
        old = signing.signer()
        new = _made(following)
        _know(old, new)
        os.link(key, retiring)
    old = _signer(retiring)
    if following.exists():
        _know(old, _signer(following))
        os.replace(following, key)
    _sync_folder()
    return Rotation(old, signing.signer())


def _made(path: Path) -> Signer:
    """The new key; the one a broken-off run made, if there is one."""
    if not path.exists():
        content = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write(path, content)
    return _signer(path)


def _know(old: Signer, new: Signer) -> None:
    """Both public keys stand in the keyring before the new one signs anything."""
    keyring = signing.kept_keyring()
    for signer, made_at in ((old, None), (new, timezone.now())):
        if keyring.known(signer.name, signer.public_key_bytes) is None:
            keyring = keyring.having(KnownKey(signer.name, signer.public_key_bytes, made_at=made_at))
    _keep(keyring)


def _signer(path: Path) -> Signer:
    return Signer(settings.AUDIT_SIGNER_NAME, signing.read_key(path.read_bytes()))


def _keep(keyring: Keyring) -> None:
    _write(settings.AUDIT_KEYRING_FILE, dump(keyring).encode())


def _write(path: Path, content: bytes) -> None:
    """The whole of it or nothing, on the disk when this returns."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path | None = None) -> None:
    descriptor = os.open(folder or _key_file().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _key_file() -> Path:
    return Path(settings.AUDIT_SIGNING_KEY_FILE)


def _beside(kind: str) -> Path:
    return _key_file().with_name(f"{_key_file().name}.{kind}")
