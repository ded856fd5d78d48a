from django.apps import AppConfig


class WebConfig(AppConfig):
    """Pages own no tables; this is an app only so that Django finds its template tags and commands."""

    name = "portal.web"
    label = "web"

    def ready(self) -> None:
        from portal.edge import checks, sessions  # noqa: F401  the checks; it listens to every sign-in
