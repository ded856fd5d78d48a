"""Facts about people that the history keeps."""

from evidence.ledger.events import Event

ORGANIZATION_FOUNDED = Event("organization.founded", "The operator founded the organization")
PERSON_INVITED = Event("person.invited", "{actor} invited a person")
INVITATION_ACCEPTED = Event("invitation.accepted", "{actor} accepted the invitation")
ROLE_GRANTED = Event("role.granted", "{actor} granted a role")
ROLE_ENDED = Event("role.ended", "{actor} ended a role")
TOKEN_CREATED = Event("token.created", "{actor} created an access token")
TOKEN_REVOKED = Event("token.revoked", "{actor} revoked an access token")
PEOPLE_CLAIMED_ONE = Event("identity.claimed", "{actor} said that two persons of the records are one")
PEOPLE_LINKED = Event("identity.linked", "{actor} confirmed that two persons of the records are one")
PEOPLE_TOLD_APART = Event("identity.told_apart", "{actor} said that two persons of the records are two people")
FACTOR_ADDED = Event("factor.added", "{actor} set up a second factor")
FACTOR_REMOVED = Event("factor.removed", "{actor} removed a second factor")
CODES_MADE = Event("factor.codes_made", "{actor} made new recovery codes")
SESSIONS_ENDED = Event("session.ended", "{actor} ended sessions of {subject}")
VIEWING_STARTED = Event("viewing.started", "{actor} began to look through a colleague's eyes")
VIEWING_ENDED = Event("viewing.ended", "{actor} ended to look through a colleague's eyes")
PERSON_LEFT = Event("person.left", "{actor} ended all access of a person who left")
TOKEN_ROTATED = Event("token.rotated", "{actor} exchanged an access token for a new one")
TOKEN_REFUSED = Event("token.refused", "A token of {actor} was refused: it came from a network it may not be used from")
