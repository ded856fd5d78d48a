from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "portal.access"
    label = "access"

    def ready(self) -> None:
        from portal.access import rulebook
        from portal.access.models import FindingGrant
        from portal.accounts import object_grants
        from remediation.findings.models import Finding
        from remediation.sod import rulebook as table

        object_grants.register(Finding, FindingGrant)
        table.register_all(rulebook)
