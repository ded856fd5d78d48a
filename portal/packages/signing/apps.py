from django.apps import AppConfig


class SigningConfig(AppConfig):
    name = "portal.packages.signing"
    label = "package_signing"
