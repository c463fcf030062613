"""Is the audit log unbroken, when was it checked, and by what is it held?"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet
from django.utils import timezone

import audit.queries
import backups.queries
from audit.models import Checkpoint, Verification
from backups.models import RestoreDrill
from compliance.reports.entries import Scope
from compliance.reports.health import Health, Run, Whole, health
from compliance.reports.spans import Span, moment
from compliance.reports.tables import (
    ALL,
    BadSelection,
    Behind,
    Cell,
    Column,
    Figure,
    Mood,
    Page,
    Report,
    Selection,
    Table,
    figure_key,
    words,
)

NAME = "integrity"
TITLE = "Audit log integrity"
QUESTION = "Is the audit log unbroken, and who could show it?"
SHOWN = 30

_MOODS = {Whole.UNBROKEN: Mood.GOOD, Whole.BROKEN: Mood.BAD, Whole.STALE: Mood.LOOK, Whole.NEVER: Mood.LOOK}


def ledger_health(organisation_id: UUID, now: datetime) -> Health:
    """How the audit log stands now. Four queries."""
    runs = Verification.objects.filter(organisation_id=organisation_id, finished_at__lte=now).order_by("-finished_at")
    genuine = audit.queries.newest_genuine
    newest, full = genuine(runs), genuine(runs.filter(mode=Verification.Mode.FULL))
    checkpoint = audit.queries.latest_checkpoint(organisation_id)
    return health(
        full=_run(full),
        newest=_run(newest),
        head=audit.queries.chain_head(organisation_id).seq,
        signed_size=checkpoint.size if checkpoint else 0,
        signed_at=checkpoint.signed_at if checkpoint else None,
        now=now,
    )


def _run(row: Verification | None) -> Run | None:
    if row is None:
        return None
    return Run(row.ref, row.finished_at, row.ok, row.head_seq, row.first_bad_seq, row.break_kind, row.bad_subject)


def mood(state: Whole) -> Mood:
    return _MOODS[state]


def report(scope: Scope, span: Span, *, full: bool = False, now: datetime | None = None) -> Report:
    at = now or timezone.now()
    stands = ledger_health(scope.organisation_id, at)
    runs, signed, drills = _runs(scope, span), _checkpoints(scope, span), _drills(scope, span)
    numbers = dict(runs.values_list("mode").annotate(Count("pk")).order_by())
    failed, signings, drilled = runs.filter(ok=False).count(), signed.count(), drills.count()
    page = ALL if full else Page(0, SHOWN)
    listed = runs.filter(mode=Verification.Mode.FULL)
    return Report(
        answer=stands.statement,
        mood=mood(stands.state),
        figures=(
            _figure("Full checks", numbers.get("full", 0), "full"),
            _figure("Checks of what was new", numbers.get("incremental", 0), "incremental"),
            _figure("Checks that found something", failed, "failed", Mood.BAD if failed else Mood.PLAIN),
            _figure("Signed checkpoints", signings, "checkpoints"),
            _figure("Restore drills", drilled, "drills"),
        ),
        tables=(
            _now(stands),
            _run_table("Checks that found something", runs.filter(ok=False), ALL, "failed", failed),
            _run_table("Full checks", listed, page, "full", numbers.get("full", 0)),
            _drill_table(drills, page, drilled),
        ),
        notes=(
            "Every 15 minutes what is new is checked, and every night everything, with the records.",
            "Checkpoints are signed and kept in places of their own too, so that an old copy of the database shows.",
        ),
    )


def _figure(label: str, number: int, kind: str, mood: Mood = Mood.PLAIN) -> Figure:
    return Figure(label, number, figure_key(kind=kind) if number else "", mood)


def _now(stands: Health) -> Table:
    body = [
        (words("Entries"), words(f"{stands.entries:,}")),
        (words("Checked"), words(moment(stands.checked_at) or "Not yet")),
        (words("Signed"), words(moment(stands.signed_at) or "Not yet")),
        (words("Result"), words(stands.statement, mood(stands.state))),
    ]
    return Table("now", "How it stands now", (Column("What", 20), Column("Now", 70)), body, "")


def _runs(scope: Scope, span: Span) -> QuerySet[Verification]:
    return audit.queries.verifications(scope.organisation_id, span.since, span.until)


def _checkpoints(scope: Scope, span: Span) -> QuerySet[Checkpoint]:
    return Checkpoint.objects.filter(
        organisation_id=scope.organisation_id, signed_at__gte=span.since, signed_at__lt=span.until
    ).order_by("-size")


def _drills(scope: Scope, span: Span) -> QuerySet[RestoreDrill]:
    return backups.queries.restore_drills(scope.organisation_id, span.since, span.until)


_RUN_COLUMNS = (
    Column("Checked", 26), Column("Kind", 14), Column("Entries", 12, number=True),
    Column("Up to entry", 12, number=True), Column("Result", 44),
)  # fmt: skip
_RUNS_EMPTY = {
    "failed": "No check found anything wrong in these days.",
    "full": "No full check ended in these days. One runs every night.",
    "incremental": "No check of what was new ended in these days.",
}


def _run_table(title: str, runs: QuerySet[Verification], page: Page, kind: str, total: int) -> Table:
    body = [
        (
            words(moment(row.finished_at)),
            words(row.get_mode_display()),
            Cell(f"{row.entries:,}", row.entries),
            Cell(f"{row.head_seq:,}", row.head_seq),
            words(_result(row), Mood.GOOD if row.ok else Mood.BAD),
        )
        for row in runs[page.of([])]
    ]
    return Table(kind, title, _RUN_COLUMNS, body, _RUNS_EMPTY[kind], total=total, figure=figure_key(kind=kind))


def _result(row: Verification) -> str:
    if row.ok:
        return "Nothing wrong"
    if row.bad_subject:
        return f"A record does not match its seal: {row.bad_subject}"
    return f"Broken at entry {row.first_bad_seq or 'unknown'}: {row.break_kind.replace('_', ' ')}"


def _drill_table(drills: QuerySet[RestoreDrill], page: Page, total: int, title: str = "Restore drills") -> Table:
    columns = (Column("Ended", 26), Column("Audit log entries", 16, number=True), Column("Audit log in the backup", 40))
    body = [
        (
            words(moment(row.finished_at)),
            Cell(f"{row.entries:,}", row.entries) if row.entries is not None else words("Not reached"),
            _drilled(row.ledger_verified),
        )
        for row in drills[page.of([])]
    ]
    empty = "No restore drill ended in these days."
    return Table("drills", title, columns, body, empty, total=total, figure=figure_key(kind="drills"))


def _drilled(verified: bool | None) -> Cell:
    if verified is None:
        return words("Not reached, so not known", Mood.LOOK)
    return words("Unbroken", Mood.GOOD) if verified else words("Broken", Mood.BAD)


def _checkpoint_table(signed: QuerySet[Checkpoint], page: Page, total: int) -> Table:
    columns = (Column("Signed", 26), Column("Entries", 12, number=True), Column("Key", 20), Column("Kept at", 50))
    body = [
        (words(moment(row.signed_at)), Cell(f"{row.size:,}", row.size), words(row.key_id), words(row.anchor))
        for row in signed[page.of([])]
    ]
    return Table("checkpoints", "Signed checkpoints", columns, body, "Nothing was signed in these days.", total=total)


def behind(scope: Scope, span: Span, chosen: Selection, *, page: Page = ALL, now: datetime | None = None) -> Behind:
    """Raises BadSelection."""
    runs = _runs(scope, span)
    kinds: dict[str, tuple[str, Any]] = {
        "full": ("Full checks", runs.filter(mode=Verification.Mode.FULL)),
        "incremental": ("Checks of what was new", runs.filter(mode=Verification.Mode.INCREMENTAL)),
        "failed": ("Checks that found something", runs.filter(ok=False)),
        "checkpoints": ("Signed checkpoints", _checkpoints(scope, span)),
        "drills": ("Restore drills", _drills(scope, span)),
    }
    kind = chosen.get("kind", "")
    if len(chosen) != 1 or kind not in kinds:
        raise BadSelection(figure_key(**chosen))
    title, found = kinds[kind]
    total = found.count()
    table = (
        _checkpoint_table(found, page, total) if kind == "checkpoints"
        else _drill_table(found, page, total) if kind == "drills"
        else _run_table(title, found, page, kind, total)
    )  # fmt: skip
    return Behind(title, total, total, table)
