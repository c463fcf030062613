"""The app's start: its collectors and checks become known."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    name = "compliance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from compliance import checks, policies  # noqa: F401  # importing registers them
        from compliance.dspt import evidence  # noqa: F401
        from compliance.reports import evidence as reports  # noqa: F401
