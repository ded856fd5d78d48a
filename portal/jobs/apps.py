from datetime import timedelta

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "portal.jobs"
    label = "jobs"

    def ready(self) -> None:
        from evidence.vault import services as vault
        from portal.jobs import schedule

        schedule.every(timedelta(hours=6), "leftovers in the vault", vault.sweep)
