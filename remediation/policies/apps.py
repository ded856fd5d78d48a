from django.apps import AppConfig


class PoliciesConfig(AppConfig):
    name = "remediation.policies"
    label = "policies"

    def ready(self) -> None:
        from remediation.approvals import subjects
        from remediation.policies import services
        from remediation.policies.guards import POLICY_ACTION, WAIVER_ACTION

        granted = {POLICY_ACTION: services.put_in_force, WAIVER_ACTION: services.begin}
        for action, follow in granted.items():
            subjects.register(
                services.SUBJECT,
                action,
                content=services.content_of,
                granted=follow,
                describe=services.describe,
            )
