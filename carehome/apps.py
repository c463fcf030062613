"""The composition root as a Django app: its commands, its checks, its templates."""

from django.apps import AppConfig


class CarehomeConfig(AppConfig):
    """Registers the deployment checks."""

    name = "carehome"
    verbose_name = "carehome"

    def ready(self) -> None:
        from carehome import checks  # noqa: F401 - importing registers them; not before the apps are loaded
