from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "portal.notifications"
    label = "notifications"

    def ready(self) -> None:
        from portal.notifications import deciding, packages, sweeps

        sweeps.declare()
        deciding.declare()
        packages.declare()
