"""The composition root as a Django app: its commands, its checks, its templates."""

from django.apps import AppConfig


class CarehomeConfig(AppConfig):
    """Registers the deployment checks, and names our Celery application as the one that `delay` speaks to."""

    name = "carehome"
    verbose_name = "carehome"

    def ready(self) -> None:
        from carehome import celery, checks  # noqa: F401 - importing registers both; not before the apps are loaded
