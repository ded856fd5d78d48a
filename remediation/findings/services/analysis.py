"""Root cause and extent, written by whoever owns or carries out the fix."""

from uuid import UUID

from django.db import transaction

from evidence.actors import Actor
from evidence.errors import Invalid, NotAllowed
from remediation.findings.models import Finding
from remediation.findings.services import lifecycle
from remediation.findings.states import RootCause
from remediation.findings.transitions import BY_VERB
from remediation.sod.duties import Duty


@transaction.atomic
def analyse(
    finding_id: UUID,
    *,
    actor: Actor,
    root_cause_class: str,
    root_cause: str,
    scope_check: str,
    expected_version: int | None = None,
) -> Finding:
    """Record the root cause, its class and where else it was looked for. Only owner or assignee may."""
    finding = lifecycle.lock(finding_id, actor=actor, expected_version=expected_version)
    actor.require("findings.analyse", finding)
    BY_VERB["analyse"].check(finding.state, finding.ref)
    if actor.person_id is None or actor.person_id not in (finding.owner_id, finding.assignee_id):
        raise NotAllowed(
            f"Only the owner or the assignee of {finding.ref} writes its root cause.",
            help="Ask them, or reassign the finding first.",
        )
    _check(root_cause_class, root_cause, scope_check)
    duty = Duty.OWNER if actor.person_id == finding.owner_id else Duty.IMPLEMENTER
    move = lifecycle.begin(finding, "analyse", actor=actor, duty=duty)
    return lifecycle.finish(
        finding,
        move,
        actor=actor,
        changes={
            "root_cause_class": str(root_cause_class),
            "root_cause": root_cause.strip(),
            "scope_check": scope_check.strip(),
        },
    )


def _check(root_cause_class: str, root_cause: str, scope_check: str) -> None:
    wrong: dict[str, list[str]] = {}
    if root_cause_class not in RootCause.values:
        wrong["root_cause_class"] = ["Choose people, process, technology, vendor or design."]
    if not root_cause.strip():
        wrong["root_cause"] = ["Say why it could happen, not only what happened."]
    if not scope_check.strip():
        wrong["scope_check"] = ["Where else could this be? Say where you looked and what you saw."]
    if wrong:
        raise Invalid("The root cause is not complete yet.", fields=wrong)
