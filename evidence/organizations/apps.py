from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    name = "evidence.organizations"
    label = "organizations"
