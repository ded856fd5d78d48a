from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "evidence.vault"
    label = "vault"
