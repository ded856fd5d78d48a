from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "evidence.vault"
    label = "vault"

    def ready(self) -> None:
        from evidence.vault import checks  # noqa: F401  registers them
