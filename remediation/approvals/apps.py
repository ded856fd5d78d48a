from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "remediation.approvals"
    label = "approvals"
