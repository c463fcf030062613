from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Ledger"

    def ready(self) -> None:
        from audit import changes, checks  # noqa: F401  # the models it writes exist only now

        changes.install()
