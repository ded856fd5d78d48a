from django.apps import AppConfig


class SodConfig(AppConfig):
    name = "remediation.sod"
    label = "sod"
