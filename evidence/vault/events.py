"""What can be recorded about stored bytes: their damage and mending, and the destruction of their key."""

from evidence.ledger.events import Event

VAULT_ERASED = Event("vault.erased", "{actor} destroyed the key of {subject}")
