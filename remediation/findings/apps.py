from functools import partial

from django.apps import AppConfig


class FindingsConfig(AppConfig):
    name = "remediation.findings"
    label = "findings"

    def ready(self) -> None:
        from remediation.approvals import subjects
        from remediation.findings.services import assignment, dates, proposals, rejection, scope, severity

        carried_out = {
            "finding.reject": rejection.reject,
            "finding.change_severity": severity.cut,
            "finding.move_due": dates.move,
            "finding.reassign": assignment.give,
            "finding.narrow_scope": scope.narrow,
        }
        for action, carry_out in carried_out.items():
            subjects.register(
                "findings.finding",
                action,
                content=partial(proposals.content, action),
                granted=carry_out,
                refused=proposals.refused,
                ended=proposals.ended,
                describe=proposals.describe,
            )
