"""Making backups."""

from django.db import transaction
from django.utils import timezone

from access.actors import Actor
from access.policies import ANYWHERE
from backups import installation, sets
from backups.destinations import Destination
from backups.errors import BackupError
from backups.events import BackupEvent
from backups.manifest import Manifest
from backups.models import BackupRun
from backups.policies import BackupPermission, policy
from backups.services import system


@transaction.atomic
def request_backup(*, actor: Actor) -> BackupRun:
    """Ask for a backup; a worker makes it. One that waits already is returned instead of a second one.

    Raises NotPermitted. Appends backups.backup.requested.
    """
    policy.require(actor, BackupPermission.RUN, at=ANYWHERE)
    waiting = BackupRun.objects.filter(state=BackupRun.State.WAITING).first()
    run = waiting or BackupRun.objects.create()
    system.append(actor, BackupEvent.BACKUP_REQUESTED, run.ref, {})
    return run


def make_backup(*, destination: Destination | None = None) -> BackupRun:
    """Make a set of the whole database, as the system; a run that waits is the one that is fulfilled.

    destination: the installation's own if None. A failure is recorded with its reason, then raised.
    Raises AlreadyRunning (nothing is recorded), BackupError. Appends backups.backup.made or backups.backup.failed to
    the ledger of every organisation, with that organisation's figures only.
    """
    system.actors()
    with installation.only_one():
        place = destination or installation.destination()
        _close_interrupted(place)
        run = _begin(place)
        try:
            manifest = _make(run, place)
        except BackupError as error:
            _record_failure(run, str(error))
            raise
        _record_set(run, manifest)
    return run


def _make(run: BackupRun, destination: Destination) -> Manifest:
    destination.sweep()
    made = sets.make_set(
        id=run.pk,
        database=installation.reader(),
        destination=destination,
        recipients=installation.recipients(),
        signer=installation.signing_key(),
    )
    return made.manifest


def _begin(destination: Destination) -> BackupRun:
    run = BackupRun.objects.filter(state=BackupRun.State.WAITING).order_by("requested_at").first()
    run = run or BackupRun()
    run.state, run.started_at, run.destination = BackupRun.State.RUNNING, timezone.now(), destination.url
    run.save()
    return run


def _close_interrupted(destination: Destination) -> None:
    """Runs that nobody works on any more, which is known because we hold the lock.

    A database restored from a set holds that set's own run as it stood while it was made; the set shows that it ended.
    """
    running = list(BackupRun.objects.filter(state=BackupRun.State.RUNNING))
    known = sets.known_sets(destination, installation.public_keys()).manifests if running else ()
    made = {manifest.id: manifest for manifest in known}
    for run in running:
        if run.pk in made:
            _record_set(run, made[run.pk])
        else:
            _record_failure(run, "The process stopped before the backup was made.")


def _record_set(run: BackupRun, manifest: Manifest) -> None:
    run.state, run.finished_at = BackupRun.State.MADE, timezone.now()
    run.covers_until, run.set_name = manifest.created_at, manifest.name
    run.size, run.sha256 = manifest.size, manifest.sha256
    run.save()
    own = {
        organisation: {"rows": mark.rows, "entries": mark.ledger.size}
        for organisation, mark in manifest.organisations.items()
    }
    common = {"set": manifest.name, "bytes": manifest.size, "sha256": manifest.sha256}
    system.tell_each_organisation(BackupEvent.BACKUP_MADE, run.ref, own, common)


def _record_failure(run: BackupRun, reason: str) -> None:
    run.state, run.finished_at, run.error = BackupRun.State.FAILED, timezone.now(), reason[:500]
    run.save()
    system.tell_each_organisation(BackupEvent.BACKUP_FAILED, run.ref, {}, {"reason": run.error})
