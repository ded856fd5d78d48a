from django.apps import AppConfig


class PackagesConfig(AppConfig):
    name = "portal.packages"
    label = "packages"

    def ready(self) -> None:
        from portal.packages import review
        from remediation.approvals import subjects

        subjects.register(
            "packages.package",
            "package.seal",
            content=review.content,
            granted=review.granted,
            refused=review.refused,
            ended=review.ended,
            describe=review.describe,
        )
