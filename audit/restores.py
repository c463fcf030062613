"""Saying that a ledger goes on from an older state, because a backup was restored.

Until somebody says so nothing is signed and every verification calls the ledger truncated. What is said stays for ever:
a signed marker among the anchors, an entry in the ledger, and a line in each verification.
"""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from audit import anchors, checkpoints, deliveries, queries, services, signing
from audit.anchors import HeldFile
from audit.branches import RestoreMarker
from audit.chain import ChainHead
from audit.checkpoints import Statement
from audit.errors import NothingRestored
from audit.models import Event


@dataclass(frozen=True, slots=True)
class MarkedRestore:
    """silent: names of destinations that could not be told; run it again when they answer."""

    marker: RestoreMarker
    silent: tuple[str, ...]


def mark_restored(
    *, organisation_id: UUID, actor: str, reason: str, set_name: str = "", untouched: bool = False
) -> MarkedRestore:
    """Mark that the ledger goes on from what it shares with its anchors, and sign it again.

    untouched: nothing was written since the restore, so all that the ledger holds goes on. Otherwise it goes on from
    the last anchored checkpoint that agrees with it, for nobody can tell which of the entries since are of which
    branch; some of those counted as lost may then have come back.

    Run a second time after a crash, or while a destination does not answer, it goes on where the first run stopped.
    Raises NothingRestored where ledger and anchors agree; AnchorFailed, SigningKeyMissing, KeyringDamaged,
    LedgerUnavailable. Appends audit.ledger.restored.
    """
    with anchors.anchor_file(organisation_id).held() as file:
        marker = _unfinished(organisation_id, file)
        if marker is None:
            marker = _marker(organisation_id, file, untouched=untouched)
            checkpoints.mark(marker, organisation_id, file, signing.signer(), marker.at)
    services.append(
        organisation_id=organisation_id,
        actor=actor,
        action=services.LedgerEvent.RESTORED,
        subject=subject_of(marker),
        detail={
            "continues": marker.continues,
            "lost_until": marker.lost_until,
            "entries_lost": marker.entries_lost,
            "reason": reason,
            "set": set_name,
        },
    )
    told = deliveries.announce(
        anchors.Anchored(
            organisation_id,
            marker.continues,
            checkpoints.signed(marker.text(), [signing.signer()]),
            marker.at,
            restored=True,
        )
    )
    checkpoints.sign_head(organisation_id)
    return MarkedRestore(marker, tuple(receipt.destination for receipt in told if receipt.failures))


def subject_of(marker: RestoreMarker) -> str:
    """The ref by which the ledger's entry names the marker."""
    return f"restore_marker:{hashlib.sha256(marker.text().encode()).hexdigest()[:32]}"


def _unfinished(organisation_id: UUID, file: HeldFile) -> RestoreMarker | None:
    """The last marker, where the ledger has no entry of it and all that was anchored since agrees: a run broken off.

    Where something does not agree the ledger was restored once more, and needs a marker of its own.
    """
    marked = anchors.restores(organisation_id)
    if not marked:
        return None
    subject = subject_of(marked[-1])
    if Event.objects.filter(organisation_id=organisation_id, subject=subject).exists():
        return None
    farthest = checkpoints.farthest_anchored(organisation_id, file, signing.keyring())
    agrees = farthest is not None and _agrees(organisation_id, queries.chain_head(organisation_id), farthest)
    return marked[-1] if agrees else None


def _marker(organisation_id: UUID, file: HeldFile, *, untouched: bool) -> RestoreMarker:
    """Raises NothingRestored, AnchorFailed."""
    head, signer, keyring = queries.chain_head(organisation_id), signing.signer(), signing.keyring()
    farthest, agreed, first_other = 0, Statement(0, ChainHead().digest), 0
    for stretch in file.tail():
        for found in checkpoints.statements(organisation_id, stretch, keyring):
            farthest = max(farthest, found.size)
            if _agrees(organisation_id, head, found):
                agreed = found
                break
            first_other = found.size
        if agreed.size:
            break
    if not first_other:
        raise NothingRestored("The ledger agrees with its anchors, so there is no restore to mark.")
    if untouched and head.seq < first_other:
        agreed = Statement(head.seq, head.digest)
    return RestoreMarker(
        origin=f"{signer.name}/{organisation_id}",
        continues=agreed.size,
        lost_until=farthest,
        digest=agreed.digest,
        at=timezone.now(),
    )


def _agrees(organisation_id: UUID, head: ChainHead, found: Statement) -> bool:
    return found.size <= head.seq and checkpoints.digest_at(organisation_id, found.size) == found.digest
