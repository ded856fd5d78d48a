"""The facts about the rules an organization gives itself."""

from evidence.ledger.events import Event

RULES_PROPOSED = Event("rules.proposed", "{actor} proposed to change the rules: {subject}")
RULES_CHANGED = Event("rules.changed", "The rules changed by {subject}")
WAIVER_PROPOSED = Event("waiver.proposed", "{actor} asked for an exception to the rules: {subject}")
WAIVER_GRANTED = Event("waiver.granted", "An exception to the rules began: {subject}")
WAIVER_ENDED = Event("waiver.ended", "{actor} ended the exception {subject}")
