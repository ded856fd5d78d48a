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
