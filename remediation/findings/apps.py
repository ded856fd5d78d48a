from django.apps import AppConfig


class FindingsConfig(AppConfig):
    name = "remediation.findings"
    label = "findings"
