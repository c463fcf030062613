"""What others may read of reports: what a file says of itself, and the workbooks of an evidence pack."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from access import queries as access_queries
from compliance.reports.catalogue import KINDS, Kind
from compliance.reports.entries import Scope
from compliance.reports.exports_made import REASON
from compliance.reports.files import About, as_workbook
from compliance.reports.spans import Span, london_day, own_days
from compliance.reports.tables import Report, Table

YEAR = timedelta(days=364)


def about(scope: Scope, kind: Kind, span: Span, *, made_by: str, now: datetime) -> About:
    organisation = access_queries.organisation(scope.organisation_id)
    return About(
        organisation=organisation.name,
        homes=tuple(scope.homes.values()),
        title=kind.title,
        question=kind.question,
        period=span.title,
        made_by=made_by,
        made_at=now,
    )


def workbooks(organisation_id: UUID, now: datetime) -> dict[str, bytes]:
    """Every report of the last 12 months over all homes, as workbooks by name.

    Without the reasons that people typed: they are free text, and a pack names no resident.
    """
    scope, today = Scope.whole(organisation_id), london_day(now)
    span = own_days(today - YEAR, today)
    return {
        kind.name: as_workbook(
            about(scope, kind, span, made_by="the system", now=now),
            _without_reasons(kind.make(scope, span, full=True, now=now)),
        )
        for kind in KINDS.values()
    }


def _without_reasons(report: Report) -> Report:
    return replace(report, tables=tuple(_without_reason(table) for table in report.tables))


def _without_reason(table: Table) -> Table:
    kept = [at for at, column in enumerate(table.columns) if column.heading != REASON]
    return replace(
        table,
        columns=tuple(table.columns[at] for at in kept),
        rows=[tuple(row[at] for at in kept) for row in table.rows],
    )
