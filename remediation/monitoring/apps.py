from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "remediation.monitoring"
    label = "monitoring"
