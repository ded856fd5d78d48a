from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "portal.accounts"
    label = "accounts"

    def ready(self) -> None:
        from portal.accounts import checks  # noqa: F401
        from portal.edge import sessions  # noqa: F401  listens to every sign-in
