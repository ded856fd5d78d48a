from django.apps import AppConfig


class SodConfig(AppConfig):
    name = "remediation.sod"
    label = "sod"

    def ready(self) -> None:
        from remediation.sod import rulebook

        rulebook.register_all(rulebook)
