"""Which sets this installation knows of, so that an older one put in a newer one's place is recognised.

Three witnesses, each of which an attacker would have to reach: the signed manifests at the destination, the runs in the
live database, and the checkpoints anchored outside it.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
from django.db import DatabaseError

from audit.anchors import restores
from backups import installation, sets
from backups.destinations import Destination
from backups.errors import OlderSet, SetNotFound, SetSwapped
from backups.manifest import Manifest
from backups.models import BackupRun

_SLACK = timedelta(hours=6)  # a backup that took long, or a night on which the clock went back


def expected_set(destination: Destination) -> BackupRun | None:
    """The newest set that was made at the destination and has not expired, by our own records."""
    made = BackupRun.objects.filter(state=BackupRun.State.MADE, expired_at__isnull=True, destination=destination.url)
    return made.order_by("-covers_until").first()


def chosen_set(destination: Destination, name: str | None) -> Manifest:
    """The manifest of the named set, or of the newest that our records or the destination know.

    Raises SetNotFound, SetSwapped when another set lies in the newest one's place, and what read_manifest raises.
    """
    if name is not None:
        return sets.read_manifest(destination, name, installation.public_keys())
    expected = expected_set(destination)
    if expected is None:
        known = sets.known_sets(destination, installation.public_keys()).manifests
        if not known:
            raise SetNotFound("There is no backup to restore yet.")
        return known[-1]
    manifest = sets.read_manifest(destination, expected.set_name, installation.public_keys())
    if (manifest.id, manifest.sha256) != (expected.pk, expected.sha256):
        raise SetSwapped(f"What lies in {expected.set_name} is not the set that was made under this name.")
    return manifest


def newer_than(manifest: Manifest, destination: Destination) -> tuple[str, ...]:
    """Names of sets known to be newer, by the destination's manifests and by the runs of the live database."""
    known = sets.known_sets(destination, installation.public_keys()).manifests
    names = {found.name for found in known if manifest.is_older_than(found)}
    names.update(_newer_runs(manifest))
    return tuple(sorted(names))


def _newer_runs(manifest: Manifest) -> list[str]:
    """From the live database, if there still is one."""
    try:
        runs = BackupRun.objects.filter(state=BackupRun.State.MADE, covers_until__gt=manifest.created_at)
        return [run.set_name for run in runs.exclude(pk=manifest.id)]
    except (DatabaseError, psycopg.Error):
        return []


@dataclass(frozen=True, slots=True)
class Behind:
    """How far the newest anchored checkpoints stand before a set: what a restore of it would lose."""

    entries: int
    time: timedelta


def behind_anchors(manifest: Manifest) -> Behind:
    """Held against the checkpoints that were signed and written down outside the database.

    An organisation that the set does not know is one that came later, or was taken out: its whole ledger counts.
    """
    entries, time = 0, timedelta(0)
    for path in sorted(installation.anchor_folder().glob("*.jsonl")):
        size = manifest.ledger_size(path.stem)
        newer = [anchored for anchored in anchored_checkpoints(path) if anchored.size > size]
        if newer:
            entries += max(anchored.size for anchored in newer) - size
            time = max(time, *(anchored.signed_at - manifest.created_at for anchored in newer))
    return Behind(entries, time)


@dataclass(frozen=True, slots=True)
class AnchoredCheckpoint:
    size: int
    signed_at: datetime


def anchored_checkpoints(path: Path) -> list[AnchoredCheckpoint]:
    """One organisation's anchor file (audit.anchors), a line each; a torn line is passed over.

    What an earlier restore cut off is not waited for: a marked restore takes back the checkpoints before it.
    """
    found: list[AnchoredCheckpoint] = []
    restored = {marker.continues for marker in restores(UUID(path.stem))}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            anchored = AnchoredCheckpoint(int(entry["size"]), datetime.fromisoformat(entry["signed_at"]))
        except (ValueError, KeyError, TypeError):
            continue
        if entry.get("restored") and anchored.size in restored:
            found = [before for before in found if before.size <= anchored.size]
        else:
            found.append(anchored)
    return found


def refuse_older(manifest: Manifest, destination: Destination) -> None:
    """Raise OlderSet when a newer set is known, or must have been made and is gone."""
    newer = newer_than(manifest, destination)
    if newer:
        raise OlderSet(
            f"The set {manifest.name} is older than the newest set known, {newer[-1]}. "
            "To restore it nevertheless and lose what came after it, add --allow-older."
        )
    behind = behind_anchors(manifest)
    if behind.time > installation.longest_gap() + _SLACK:
        raise OlderSet(
            f"Checkpoints kept outside the database go {behind.entries:,} entries and {behind.time.days} days further "
            f"than the set {manifest.name}, so a newer set should exist. Look for it, or add --allow-older."
        )
