"""The facts about runs of controls."""

from evidence.ledger.events import Event

RUN_SCHEDULED = Event("run.scheduled", "{actor} scheduled {subject}")
RUN_RECORDED = Event("run.recorded", "{actor} recorded {subject}")
RUN_MISSED = Event("run.missed", "Nobody recorded {subject} in time")
RUN_WORSENED = Event("run.worsened", "{actor} corrected {subject} downwards")
RUN_EXPLAINED = Event("run.explained", "{actor} explained {subject}")
