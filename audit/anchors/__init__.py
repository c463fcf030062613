"""Where checkpoints are written out of the database owner's reach.

The append-only file is always on and cannot be switched off: one line per checkpoint, flushed to disk before the
checkpoint counts. Put its folder on another volume than the database. Further destinations are witnesses on top.
"""

from collections.abc import Iterator
from uuid import UUID

from django.conf import settings

from audit import signing
from audit.anchors.destinations import Destination, destination_at, destinations
from audit.anchors.file import Anchored, AnchorFile, HeldFile
from audit.branches import Branches, RestoreMarker

__all__ = [
    "AnchorFile",
    "Anchored",
    "Destination",
    "HeldFile",
    "anchor_file",
    "anchored_notes",
    "branches",
    "destination_at",
    "destinations",
    "restores",
]


def anchor_file(organisation_id: UUID) -> AnchorFile:
    """The file that is always on."""
    return AnchorFile(settings.AUDIT_ANCHOR_DIR, organisation_id)


def branches(organisation_id: UUID) -> Branches:
    """What the file says, restores taken into account. Raises SigningKeyMissing, KeyringDamaged."""
    keyring = signing.keyring()

    def opened(note: str) -> RestoreMarker:
        return keyring.marker(note, organisation_id, signing.verify)

    return Branches(anchor_file(organisation_id).notes, opened)


def anchored_notes(organisation_id: UUID) -> Iterator[str]:
    """The notes that the ledger as it goes on is held against, oldest first; none where there is no file."""
    return branches(organisation_id).going_on()


def restores(organisation_id: UUID) -> list[RestoreMarker]:
    """The restores that were marked, oldest first."""
    return branches(organisation_id).restores
