"""A segregation policy put in force for a test, as people do it: Maya proposes, Edda decides."""

from remediation.approvals import services as approvals
from remediation.approvals.models import Request
from remediation.policies import services
from remediation.policies.models import Proposal

WHY = "The board asked for it."


def request_of(proposal: Proposal) -> Request:
    return Request.objects.get(subject_type="policies.proposal", subject_id=proposal.pk)


def decide(proposal, who, verdict="approve"):
    return approvals.decide(request_of(proposal).pk, verdict=verdict, reason=WHY, actor=who)


def in_force(org, people, *, sod=None, quorum=None, by=None):
    wanted = {kind: body for kind, body in (("sod", sod), ("quorum", quorum)) if body is not None}
    proposal = services.propose(wanted, actor=people.maya, reason=WHY)
    assert decide(proposal, by or people.edda).is_granted
    return proposal


def excepted(people, who, *rules, days=30, by=None, asker=None):
    """An exception in force for somebody: Maya asks, Edda decides."""
    proposal = services.ask_exception(
        person_id=who.person_id if who else None, rules=rules, reviewer="Nadia Brook, Brook Advisory", days=days,
        actor=asker or people.maya, reason=WHY,
    )  # fmt: skip
    assert decide(proposal, by or people.edda).is_granted
    return proposal
