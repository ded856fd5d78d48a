"""Facts of the check on duties."""

from evidence.ledger.events import Event

DUTIES_CHECKED = Event("duties.checked", "The check on duties judged all history")
CONFLICT_FOUND = Event("conflict.found", "The check on duties found rule {subject} broken")
DUTIES_REPORTED = Event("duties.reported", "{actor} took the segregation of duties report")
