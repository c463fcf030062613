"""Deleting sets whose time is over."""

from django.utils import timezone

from backups import installation, sets
from backups.destinations import Destination
from backups.events import BackupEvent
from backups.models import BackupRun
from backups.services import system


def expire_sets(*, destination: Destination | None = None) -> list[str]:
    """Delete the sets that retention does not keep, oldest first; returns their names.

    Only sets whose manifest holds are counted or deleted: a faulty one is evidence and stays until a person looks.
    Raises AlreadyRunning, DestinationUnusable. Appends backups.backup.expired per set to every organisation's ledger.
    """
    system.actors()
    place = destination or installation.destination()
    with installation.only_one():
        known = sets.known_sets(place, installation.public_keys())
        expired = installation.retention().expired({found.name: found.created_at for found in known.manifests})
        ids = {found.name: found.id for found in known.manifests}
        for name in expired:
            place.remove(name)
            BackupRun.objects.filter(pk=ids[name]).update(expired_at=timezone.now())
            system.tell_each_organisation(BackupEvent.BACKUP_EXPIRED, f"backup:{ids[name]}", {}, {"set": name})
    return expired
