from datetime import timedelta

from django.apps import AppConfig
from django.conf import settings


class PackagesConfig(AppConfig):
    name = "portal.packages"
    label = "packages"

    def ready(self) -> None:
        from portal.jobs import schedule
        from portal.packages import review, workplace
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
        schedule.every(
            timedelta(hours=1), "leftovers of printing", lambda _: workplace.sweep(settings.CLEARHOLD_WORK_DIR)
        )
