"""The composition root as a Django app: its commands, its checks, its templates."""

from django.apps import AppConfig


class CarehomeConfig(AppConfig):
    """Registers the deployment checks and the Celery application."""

    name = "carehome"
    verbose_name = "carehome"

    def ready(self) -> None:
        # Importing registers them; not before the apps are loaded. Without the Celery application, a task that the web
        # process enqueues would go to no broker of ours.
        from carehome import celery, checks  # noqa: F401
