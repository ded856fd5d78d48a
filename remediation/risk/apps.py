from functools import partial

from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "remediation.risk"
    label = "risk"

    def ready(self) -> None:
        from remediation.approvals import subjects
        from remediation.findings.services import proposals
        from remediation.risk import services
        from remediation.risk.models import Acceptance, Deferral

        subjects.register(
            "findings.finding",
            services.ACCEPT,
            content=partial(services.content, Acceptance),
            granted=services.accepted,
            refused=services.acceptance_dropped,
            ended=services.acceptance_dropped,
            describe=proposals.describe,
        )
        subjects.register(
            "findings.finding",
            services.DEFER,
            content=partial(services.content, Deferral),
            granted=services.deferred,
            refused=services.deferral_dropped,
            ended=services.deferral_dropped,
            describe=proposals.describe,
        )
