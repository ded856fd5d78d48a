"""The duties a person can take on one item, and the words pages use for them."""

from dataclasses import dataclass

from django.db import models


class Duty(models.TextChoices):
    """What a person did, or is, on one cycle of an item.

    `administrator` and `auditor` come from the person's roles and `requester` from the request itself; the others
    leave a Hand. `triager` has no rule of its own, but whoever managed an item may not verify their own find.
    """

    FINDER = "finder", "Finder"
    OWNER = "owner", "Owner"
    IMPLEMENTER = "implementer", "Implementer"
    UPLOADER = "uploader", "Uploader of closing evidence"
    VERIFIER = "verifier", "Verifier"
    APPROVER = "approver", "Approver"
    ACCEPTOR = "acceptor", "Risk acceptor"
    ADMINISTRATOR = "administrator", "Platform administrator"
    AUDITOR = "auditor", "External auditor"
    TRIAGER = "triager", "Triager"
    PREPARER = "preparer", "Package preparer"
    REQUESTER = "requester", "Requester"


# Duties another person can give: the owner and the assignee of a task are appointed.
APPOINTED = frozenset({Duty.OWNER, Duty.IMPLEMENTER})
# Duties that stand on a role or on the request; no Hand is ever written for them.
STANDING = frozenset({Duty.ADMINISTRATOR, Duty.AUDITOR, Duty.REQUESTER})


@dataclass(frozen=True)
class Words:
    """How a duty reads: the act in the past, the person in general, and what someone else must do instead."""

    act: str
    whoever: str
    instead: str


WORDS: dict[str, Words] = {
    Duty.FINDER: Words("You reported it", "reported it", "report it"),
    Duty.OWNER: Words("You became its owner", "became its owner", "own it"),
    Duty.IMPLEMENTER: Words("You worked on the fix", "worked on the fix", "carry out the fix"),
    Duty.UPLOADER: Words("You uploaded the closing evidence", "uploaded the closing evidence", "upload the evidence"),
    Duty.VERIFIER: Words("You verified the fix", "verified the fix", "verify"),
    Duty.APPROVER: Words("You decided on an approval", "decided on an approval", "approve"),
    Duty.ACCEPTOR: Words("You accepted its risk", "accepted its risk", "accept the risk"),
    Duty.ADMINISTRATOR: Words("You administer this portal", "administers this portal", "administer the portal"),
    Duty.AUDITOR: Words("You are an external auditor here", "audits from outside", "audit"),
    Duty.TRIAGER: Words("You triaged it", "triaged it", "triage it"),
    Duty.PREPARER: Words("You prepared the package", "prepared the package", "prepare the package"),
    Duty.REQUESTER: Words("You asked for this decision", "asked for the decision", "ask"),
}
