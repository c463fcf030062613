"""Restore drills."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.actors import Actor
from access.ids import uuid7
from access.policies import ANYWHERE
from audit.anchors import anchored_notes
from backups import installation, knowledge
from backups.destinations import Destination
from backups.drill import DrillOutcome, OrganisationOutcome
from backups.drill import run_drill as restore_and_check
from backups.errors import BackupError
from backups.events import BackupEvent
from backups.manifest import Manifest
from backups.models import RestoreDrill
from backups.opening import opening_fault
from backups.policies import BackupPermission, policy
from backups.services import system


@dataclass(frozen=True, slots=True)
class DrillReport:
    """What a drill of the whole installation found; for the operator, never for one organisation's page."""

    run_id: UUID
    set_name: str
    newer: tuple[str, ...]
    outcome: DrillOutcome | None
    failure: BackupError | None

    @property
    def error(self) -> str:
        return str(self.failure) if self.failure else ""

    @property
    def good(self) -> bool:
        return self.outcome is not None and self.outcome.good


def request_drill(*, actor: Actor) -> None:
    """Record that a person asked for a drill; the caller enqueues it. Raises NotPermitted.

    Appends backups.drill.requested.
    """
    policy.require(actor, BackupPermission.RUN, at=ANYWHERE)
    system.append(actor, BackupEvent.DRILL_REQUESTED, actor.ref, {})


def run_drill(*, name: str | None = None, destination: Destination | None = None) -> DrillReport:
    """Restore a set into a scratch database, check it, drop it; the newest set if none is named.

    A set that cannot be restored is a finding, not an error. Raises AlreadyRunning, and what stops the database itself.
    Saves one RestoreDrill per organisation; appends backups.drill.started and backups.drill.run to its ledger, with its
    own figures only.
    """
    system.actors()
    with installation.only_one():
        _close_interrupted()
        run_id = uuid7()
        _begin(run_id)
        report, manifest = _drill(run_id, name, destination or installation.destination())
        _record(report, manifest)
    return report


def _drill(run_id: UUID, name: str | None, destination: Destination) -> tuple[DrillReport, Manifest | None]:
    manifest, outcome, failure = None, None, None
    newer: tuple[str, ...] = ()
    try:
        manifest = knowledge.chosen_set(destination, name)
        newer = knowledge.newer_than(manifest, destination)
        outcome = restore_and_check(
            destination=destination,
            manifest=manifest,
            identities=installation.identities(),
            roles=installation.roles(),
            anchored=anchored_notes,
            opens_records=opening_fault,
        )
    except BackupError as error:
        failure = error
    set_name = manifest.name if manifest else name or ""
    return DrillReport(run_id, set_name, newer, outcome, failure), manifest


def _begin(run_id: UUID) -> None:
    now = timezone.now()
    for actor in system.each_organisation():
        with transaction.atomic():
            row = RestoreDrill.objects.create(organisation_id=actor.organisation_id, run_id=run_id, started_at=now)
            system.append(actor, BackupEvent.DRILL_STARTED, row.ref, {})


def _close_interrupted() -> None:
    """Drills that nobody works on any more, which is known because we hold the lock."""
    for actor in system.each_organisation():
        for row in RestoreDrill.objects.filter(organisation_id=actor.organisation_id, finished_at__isnull=True):
            row.detail = "The process stopped before the drill had ended."
            _finish(actor, row)


def _record(report: DrillReport, manifest: Manifest | None) -> None:
    for actor in system.each_organisation():
        row = RestoreDrill.objects.get(organisation_id=actor.organisation_id, run_id=report.run_id)
        row.set_name, row.detail = report.set_name[:40], report.error[:500]
        if manifest is not None:
            row.backup_id, row.covers_until = manifest.id, manifest.created_at
            row.older_than_newest = bool(report.newer)
        if report.outcome is not None:
            _describe(row, report.outcome, report.outcome.organisations.get(str(actor.organisation_id)))
        _finish(actor, row)


def _describe(row: RestoreDrill, outcome: DrillOutcome, found: OrganisationOutcome | None) -> None:
    row.restored, row.took = True, outcome.took
    row.counts_matched = not outcome.counts and outcome.schema_matches
    if found is None:
        row.detail = "The set was made before this organisation was added."
        return
    row.counts_matched = row.counts_matched and not found.counts
    row.ledger_verified, row.rls_probe_ok, row.decrypted = not found.ledger, not found.wall, not found.opening
    row.rows, row.entries = found.rows, found.entries
    row.detail = _reasons(outcome, found)


def _reasons(outcome: DrillOutcome, found: OrganisationOutcome) -> str:
    """What was wrong, in sentences; other organisations' figures stay out."""
    reasons = {"Rows": found.counts, "Ledger": found.ledger, "Tenancy wall": found.wall, "Decryption": found.opening}
    sentences = [f"{subject}: {reason}." for subject, reason in reasons.items() if reason]
    if outcome.counts:
        sentences.append(f"Row counts differ from the manifest in {', '.join(list(outcome.counts)[:5])}.")
    if not outcome.schema_matches:
        sentences.append("The schema is not the one the manifest names.")
    return " ".join(sentences)[:500]


@transaction.atomic
def _finish(actor: Actor, row: RestoreDrill) -> None:
    row.finished_at = timezone.now()
    row.save()
    system.append(actor, BackupEvent.DRILL_RUN, row.ref, _entry_detail(row))


def _entry_detail(row: RestoreDrill) -> Mapping[str, object]:
    names = (
        "set_name",
        "restored",
        "counts_matched",
        "ledger_verified",
        "rls_probe_ok",
        "decrypted",
        "rows",
        "entries",
    )
    took = row.took.total_seconds() if row.took else None
    return {name: getattr(row, name) for name in names} | {
        "passed": row.passed,
        "took_seconds": took,
        "detail": row.detail,
    }
