from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "remediation.risk"
    label = "risk"
