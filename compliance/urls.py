"""Pages under /data-security/."""

from django.urls import path, register_converter

from compliance.access_reports import views as access_reports
from compliance.anomalies import views as anomalies
from compliance.dspt import views as dspt
from compliance.ledger import export_views as ledger_exports
from compliance.ledger import views as ledger
from compliance.packs import views as packs
from compliance.reports import views as reports

app_name = "compliance"


class ItemRef:
    """The number of an evidence item, such as 7.3.5."""

    regex = r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,2}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Whom:
    """Whom an entry of the audit log is about, or by."""

    regex = "person|resident"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(ItemRef, "item_ref")
register_converter(Whom, "whom")

urlpatterns = [
    path("", dspt.dashboard, name="dashboard"),
    path("items/", dspt.items, name="items"),
    path("items/<item_ref:ref>/", dspt.item, name="item"),
    path("items/<item_ref:ref>/withdraw/", dspt.item_withdraw, name="item_withdraw"),
    path("backups/", dspt.backups_page, name="backups"),
    path("packs/", packs.packs, name="packs"),
    path("packs/new/", packs.pack_new, name="pack_new"),
    path("packs/<uuid:pack_id>/", packs.pack, name="pack"),
    path("packs/<uuid:pack_id>/progress/", packs.pack_progress, name="pack_progress"),
    path("packs/<uuid:pack_id>/download/", packs.pack_download, name="pack_download"),
    path("reports/", reports.reports, name="reports"),
    path("reports/privileged/review/<str:month>/", reports.report_review, name="report_review"),
    path("reports/<slug:name>/", reports.report, name="report"),
    path("reports/<slug:name>/behind/", reports.report_behind, name="report_behind"),
    path("reports/<slug:name>/file/", reports.report_file, name="report_file"),
    path("alerts/", anomalies.alerts, name="alerts"),
    path("alerts/<uuid:alert_id>/", anomalies.alert, name="alert"),
    path("ledger/", ledger.ledger, name="ledger"),
    path("ledger/timeline/", ledger.ledger_timeline, name="ledger_timeline"),
    path("ledger/hours/", ledger.ledger_hours, name="ledger_hours"),
    path("ledger/checks/", ledger.ledger_checks, name="ledger_checks"),
    path("ledger/choose/<whom:whom>/", ledger.ledger_choose, name="ledger_choose"),
    path("ledger/entries/<uuid:event_id>/", ledger.ledger_entry, name="ledger_entry"),
    path("ledger/entries/<uuid:event_id>/verify/", ledger.ledger_entry_verify, name="ledger_entry_verify"),
    path("ledger/files/new/", ledger_exports.ledger_export_new, name="ledger_export_new"),
    path("ledger/files/<uuid:export_id>/", ledger_exports.ledger_export, name="ledger_export"),
    path(
        "ledger/files/<uuid:export_id>/progress/",
        ledger_exports.ledger_export_progress,
        name="ledger_export_progress",
    ),
    path(
        "ledger/files/<uuid:export_id>/download/",
        ledger_exports.ledger_export_download,
        name="ledger_export_download",
    ),
    path("residents/<uuid:resident_id>/looked/", access_reports.access_report, name="access_report"),
    path(
        "residents/<uuid:resident_id>/looked/letter/", access_reports.access_report_letter, name="access_report_letter"
    ),
    path(
        "residents/<uuid:resident_id>/looked/links/", access_reports.access_report_shares, name="access_report_shares"
    ),
    path(
        "residents/<uuid:resident_id>/looked/links/new/",
        access_reports.access_report_share_new,
        name="access_report_share_new",
    ),
    path(
        "residents/<uuid:resident_id>/looked/ask/<uuid:entry_id>/",
        access_reports.access_report_ask,
        name="access_report_ask",
    ),
    path(
        "links/<uuid:share_id>/withdraw/",
        access_reports.access_report_share_withdraw,
        name="access_report_share_withdraw",
    ),
    path("questions/", access_reports.access_questions, name="access_questions"),
    path("questions/names/", access_reports.access_report_names, name="access_report_names"),
    path("questions/<uuid:question_id>/", access_reports.access_question, name="access_question"),
]
