"""The facts that a backup can record."""

from evidence.ledger.events import Event

BACKUP_MADE = Event("backup.made", "{actor} made the backup {subject}")
BACKUP_RESTORED = Event("backup.restored", "{actor} restored the backup {subject}")
