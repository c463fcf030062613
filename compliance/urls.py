"""Pages under /data-security/."""

from django.urls import path, register_converter

from compliance.anomalies import views as anomalies
from compliance.dspt import views as dspt
from compliance.packs import views as packs

app_name = "compliance"


class ItemRef:
    """The number of an evidence item, such as 7.3.5."""

    regex = r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,2}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(ItemRef, "item_ref")

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
    path("alerts/", anomalies.alerts, name="alerts"),
    path("alerts/<uuid:alert_id>/", anomalies.alert, name="alert"),
]
