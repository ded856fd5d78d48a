from django.apps import AppConfig


class LinksConfig(AppConfig):
    name = "portal.packages.links"
    label = "package_links"
