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
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    from access.models import CareHome
    from access.policies import all_permissions

    home, _ = ContentType.objects.db_manager(using).get_or_create(
        app_label=CareHome._meta.app_label, model=CareHome._meta.model_name
    )
    known = set(Permission.objects.using(using).filter(content_type=home).values_list("codename", flat=True))
    Permission.objects.using(using).bulk_create(
        Permission(content_type=home, codename=str(permission), name=str(permission))
        for permission in all_permissions()
        if str(permission) not in known
    )
