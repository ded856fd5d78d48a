from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "remediation.tasks"
    label = "tasks"

    def ready(self) -> None:
        from remediation.approvals import subjects
        from remediation.findings.services import proposals
        from remediation.tasks.services import closure, plans

        subjects.register(
            "findings.finding",
            plans.ACTION,
            content=plans.content,
            granted=plans.approved,
            refused=plans.refused,
            ended=plans.refused,
            describe=proposals.describe,
        )
        subjects.register(
            "findings.finding",
            closure.ACTION,
            content=closure.content,
            granted=closure.closed,
            refused=proposals.refused,
            ended=proposals.ended,
            describe=proposals.describe,
        )
