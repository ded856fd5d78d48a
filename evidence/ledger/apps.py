from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "evidence.ledger"
    label = "ledger"
