from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


class AccessConfig(AppConfig):
    name = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        from access import checks  # registers its checks

        assert checks
        autodiscover_modules("policies", "ledger_models")
        post_migrate.connect(_sync_permissions, sender=self, dispatch_uid="access.permissions")


def _sync_permissions(using: str, **kwargs: Any) -> None:
    """One Django permission per permission of every policy, all on the care home."""
    from access.services.permissions import add_new_permissions

    add_new_permissions(using)
