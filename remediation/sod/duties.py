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
    SAMPLER = "sampler", "Sampler"
    OPERATOR = "operator", "Control operator"
    ACCESS_REVIEWER = "access_reviewer", "Reviewer of access"
    ACCESS_HOLDER = "access_holder", "Holder of the access"
    REDACTOR = "redactor", "Redactor"
    AUTHOR = "author", "Author of the rules"
    BENEFICIARY = "beneficiary", "Who gains from the change"
    CARRIER = "carrier", "Who carries an open exception"
    SIGNER = "signer", "Signer of the package"
    RELEASER = "releaser", "Releaser of the hold"
    DISPOSER = "disposer", "Who asks for disposal"
    GRANTER = "granter", "Granter of the role"
    GRANTEE = "grantee", "Grantee of the role"
    CONFIRMER = "confirmer", "Second administrator"


# Duties another person can give: the owner and the assignee of a task are appointed, and who gains from a change,
# carries an exception, holds an access or is granted a role is found out by whoever asks for it.
APPOINTED = frozenset({Duty.OWNER, Duty.IMPLEMENTER, Duty.BENEFICIARY, Duty.CARRIER, Duty.ACCESS_HOLDER, Duty.GRANTEE})
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
    Duty.SAMPLER: Words("You drew the sample", "drew the sample", "draw the sample"),
    Duty.OPERATOR: Words("You operate the control", "operates the control", "operate the control"),
    Duty.ACCESS_REVIEWER: Words("You reviewed the access", "reviewed the access", "review the access"),
    Duty.ACCESS_HOLDER: Words("The access is your own", "holds the access", "hold the access"),
    Duty.REDACTOR: Words("You made the redaction", "made the redaction", "make the redaction"),
    Duty.AUTHOR: Words("You wrote the change of rules", "wrote the change of rules", "write the change of rules"),
    Duty.BENEFICIARY: Words("You gain from the change", "gains from the change", "gain from the change"),
    Duty.CARRIER: Words("You carry an open exception", "carries an open exception", "carry an exception"),
    Duty.SIGNER: Words("You signed the package", "signed the package", "sign the package"),
    Duty.RELEASER: Words("You released the hold", "released the hold", "release the hold"),
    Duty.DISPOSER: Words("You asked for the disposal", "asked for the disposal", "ask for the disposal"),
    Duty.GRANTER: Words("You granted the role", "granted the role", "grant the role"),
    Duty.GRANTEE: Words("The role is granted to you", "receives the role", "receive the role"),
    Duty.CONFIRMER: Words("You confirmed the grant", "confirmed the grant", "confirm the grant"),
}

# Which roles take a duty: how many people could. Duties that are not listed are open to every role of the staff.
TAKEN_BY: dict[str, tuple[str, ...]] = {
    Duty.FINDER: ("engineer", "manager"),
    Duty.IMPLEMENTER: ("engineer",),
    Duty.UPLOADER: ("engineer", "manager"),
    Duty.VERIFIER: ("reviewer",),
    Duty.APPROVER: ("approver",),
    Duty.ACCEPTOR: ("executive",),
}
