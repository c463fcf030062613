"""Restoring for real: an operator's work, from the command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
from django.db import DatabaseError

from audit.anchors import anchored_notes
from audit.context import Origin, acting
from audit.errors import NothingRestored
from audit.restores import MarkedRestore, mark_restored
from backups import installation, knowledge, sets
from backups.destinations import Destination
from backups.drill import DrillOutcome, check_database
from backups.errors import NoDatabase
from backups.events import BackupEvent
from backups.inventory import sees_every_row
from backups.manifest import Manifest
from backups.opening import opening_fault
from backups.postgres import Address, ensure_database
from backups.restoring import restore_into
from backups.services import system


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """told: whether the live ledger could take note that a copy was made; it may be what was lost.

    live: whether the set went into the installation's own database; marked: the ledgers that then go on from an older
    state, by organisation id.
    """

    manifest: Manifest
    behind: knowledge.Behind
    outcome: DrillOutcome
    told: bool
    live: bool = False
    marked: Mapping[str, MarkedRestore] = field(default_factory=dict)


def restore_set(
    *, name: str, destination: Destination, target: Address, allow_older: bool = False, reason: str = ""
) -> RestoreReport:
    """Restore a set into an empty database and hold that database against the set's manifest.

    target: as the role that shall own the tables; the roles that the set names must exist there. The database is made
    where there is none. Raises BackupError; the target is then as empty as it was, unless the message says otherwise.
    Appends backups.restore.started to every organisation's ledger, where the live database can still be reached. Where
    the target is the installation's own database and came out good, each ledger that its anchors know to have been
    longer is marked as restored, which appends audit.ledger.restored.
    """
    manifest = sets.read_manifest(destination, name, installation.public_keys())
    sets.check_data(destination, manifest)
    if not allow_older:
        knowledge.refuse_older(manifest, destination)
    identities = installation.identities()
    ensure_database(target)
    told = _tell(manifest, target)
    restore_into(destination=destination, manifest=manifest, identities=identities, target=target)
    behind, outcome, live = knowledge.behind_anchors(manifest), _check(target, manifest), _is_live(target)
    marked = _mark(manifest, reason) if live and outcome.good else {}
    return RestoreReport(manifest, behind, outcome, told, live, marked)


def _is_live(target: Address) -> bool:
    """Whether the application works on this very database, whatever names its host goes by."""
    question = "SELECT current_database(), pg_postmaster_start_time()"
    try:
        with target.connect() as one, installation.app().connect() as other:
            return one.execute(question).fetchone() == other.execute(question).fetchone()
    except NoDatabase:
        return False


def _mark(manifest: Manifest, reason: str) -> dict[str, MarkedRestore]:
    marked = {}
    for actor in system.each_organisation():
        with acting(Origin(actor.organisation_id, actor.ref)):
            try:
                marked[str(actor.organisation_id)] = mark_restored(
                    organisation_id=actor.organisation_id,
                    actor=actor.ref,
                    reason=reason or "A backup was restored.",
                    set_name=manifest.name,
                    untouched=True,
                )
            except NothingRestored:
                continue
    return marked


def _tell(manifest: Manifest, target: Address) -> bool:
    detail = {"set": manifest.name, "database": target.database}
    try:
        system.tell_each_organisation(BackupEvent.RESTORE_STARTED, f"backup:{manifest.id}", {}, detail)
    except (DatabaseError, psycopg.Error):
        return False
    return True


def _check(target: Address, manifest: Manifest) -> DrillOutcome:
    with _reader(target).connect() as reader, installation.app().on_server_of(target).connect() as app:
        return check_database(reader, app, manifest, anchored=anchored_notes, opens_records=opening_fault)


def _reader(target: Address) -> Address:
    """The role that restored, if it sees every row; else the reading role, on the target's server."""
    with target.connect() as connection:
        if sees_every_row(connection):
            return target
    reader = installation.reader().on_server_of(target)
    try:
        reader.connect().close()
    except NoDatabase as error:
        raise NoDatabase(
            "The set was restored, but could not be checked: no role that sees every row can reach the new database."
        ) from error
    return reader
