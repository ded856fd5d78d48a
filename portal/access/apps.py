from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "portal.access"
    label = "access"

    def ready(self) -> None:
        from portal.access.models import FindingGrant
        from portal.accounts import object_grants
        from remediation.findings.models import Finding

        object_grants.register(Finding, FindingGrant)
