"""Facts about teams and about who is let in. A grant's own words stand beside the event, so that they can be erased."""

from evidence.ledger.events import Event

TEAM_FOUNDED = Event("team.founded", "{actor} founded a team")
TEAM_ENDED = Event("team.ended", "{actor} ended a team")
TEAM_JOINED = Event("team.member_added", "{actor} added a person to a team")
TEAM_LEFT = Event("team.member_removed", "{actor} took a person out of a team")
FINDING_LET_IN = Event("finding.let_in", "{actor} let somebody in to {subject}")
FINDING_LET_OUT = Event("finding.let_in_ended", "{actor} ended somebody's access to {subject}")
