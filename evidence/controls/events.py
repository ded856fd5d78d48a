"""What can be recorded about controls."""

from evidence.ledger.events import Event

CONTROL_CREATED = Event("control.created", "{actor} set up control {subject}")
CONTROL_EDITED = Event("control.edited", "{actor} changed control {subject}")
CONTROL_OWNER_SET = Event("control.owner_set", "{actor} named the owner of {subject}")
CONTROL_RETIRED = Event("control.retired", "{actor} retired control {subject}")
