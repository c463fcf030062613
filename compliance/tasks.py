"""All of this app's tasks, where Celery looks for them."""

from compliance.anomalies.tasks import scan_all_views, scan_views
from compliance.packs.tasks import build_pack, tidy_all_packs, tidy_packs

__all__ = ["build_pack", "scan_all_views", "scan_views", "tidy_all_packs", "tidy_packs"]
