from django.apps import AppConfig


class EngagementsConfig(AppConfig):
    name = "portal.engagements"
    label = "engagements"

    def ready(self) -> None:
        from portal.accounts import object_grants
        from portal.engagements.models import Engagement, EngagementGrant

        object_grants.register(Engagement, EngagementGrant)
