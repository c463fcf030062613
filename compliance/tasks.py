"""All of this app's tasks, where Celery looks for them."""

from compliance.anomalies.tasks import scan_all_views, scan_views, watch_all_anchors, watch_anchors
from compliance.ledger.tasks import build_ledger_export, tidy_all_ledger_exports, tidy_ledger_exports
from compliance.packs.tasks import build_pack, tidy_all_packs, tidy_packs

__all__ = [
    "build_ledger_export",
    "build_pack",
    "scan_all_views",
    "scan_views",
    "tidy_all_ledger_exports",
    "tidy_all_packs",
    "tidy_ledger_exports",
    "tidy_packs",
    "watch_all_anchors",
    "watch_anchors",
]
