from django.apps import AppConfig


class WatchConfig(AppConfig):
    name = "portal.watch"
    label = "watch"

    def ready(self) -> None:
        from portal.watch import sweeps

        sweeps.declare()
