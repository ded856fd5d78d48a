"""The facts about acceptances and deferrals. They are facts of their finding."""

from evidence.ledger.events import Event

ACCEPTANCE_RECORDED = Event("risk.acceptance_recorded", "{actor} recorded an acceptance of {subject} until a date")
ACCEPTANCE_EXPIRED = Event("risk.acceptance_expired", "The acceptance of {subject} ran out")
DEFERRAL_RECORDED = Event("risk.deferral_recorded", "{actor} recorded a deferral of {subject} until a date")
