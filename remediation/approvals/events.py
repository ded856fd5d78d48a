"""The facts about requests and decisions."""

from evidence.ledger.events import Event

APPROVAL_REQUESTED = Event("approval.requested", "{actor} asked for a decision on {subject}")
APPROVAL_ASKED = Event("approval.asked", "{actor} asked a colleague to decide on {subject}")
APPROVAL_APPROVED = Event("approval.approved", "{actor} approved {subject}")
APPROVAL_REJECTED = Event("approval.rejected", "{actor} rejected {subject}")
APPROVAL_GRANTED = Event("approval.granted", "Everybody needed has agreed: {subject} is granted")
APPROVAL_REFUSED = Event("approval.refused", "A rejection stopped {subject}")
APPROVAL_VOIDED = Event("approval.voided", "{subject} became void because its content changed")
APPROVAL_WITHDRAWN = Event("approval.withdrawn", "{actor} withdrew {subject}")
APPROVAL_EXPIRED = Event("approval.expired", "{subject} ran out of time")
EMERGENCY_ASKED = Event("emergency.asked", "{actor} asked for emergency access {subject}")
EMERGENCY_ACTIVATED = Event("emergency.activated", "{actor} activated emergency access {subject}")
EMERGENCY_ACTIVATED_ALONE = Event(
    "emergency.activated_alone", "{actor} activated emergency access {subject} alone; two people were alarmed"
)
EMERGENCY_WITHDRAWN = Event("emergency.withdrawn", "{actor} withdrew the asking for emergency access {subject}")
EMERGENCY_ENDED = Event("emergency.ended", "{actor} ended emergency access {subject}")
EMERGENCY_REVIEWED = Event("emergency.reviewed", "{actor} reviewed emergency access {subject}")
EMERGENCY_UNREVIEWED = Event("emergency.unreviewed", "Nobody reviewed emergency access {subject} in time")
ABSENCE_NOTED = Event("absence.noted", "{actor} noted an absence")
ABSENCE_CANCELLED = Event("absence.cancelled", "{actor} cancelled an absence")
DELEGATION_OFFERED = Event("delegation.offered", "{actor} asked a colleague to decide in their place")
DELEGATION_ACCEPTED = Event("delegation.accepted", "{actor} agreed to decide in a colleague's place")
DELEGATION_DECLINED = Event("delegation.declined", "{actor} declined to decide in a colleague's place")
DELEGATION_ENDED = Event("delegation.ended", "{actor} ended a delegation")
