from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "portal.accounts"
    label = "accounts"

    def ready(self) -> None:
        from portal.accounts import checks, rulebook  # noqa: F401
        from remediation.sod import rulebook as table

        table.register_all(rulebook)
