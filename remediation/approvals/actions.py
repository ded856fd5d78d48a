"""What can be asked for: each action with the duty its decider takes, the right and roles it needs, its quorum."""

from dataclasses import dataclass

from evidence.errors import Invalid
from remediation.sod.duties import Duty


@dataclass(frozen=True)
class Action:
    """One kind of request. `quorum` names the part of the quorum policy that says how many must agree."""

    key: str
    word: str
    duty: Duty
    permission: str
    roles: tuple[str, ...]
    quorum: str = "other"

    @property
    def verb(self) -> str:
        return "accept the risk" if self.duty == Duty.ACCEPTOR else "approve"


def _approval(key: str, word: str, quorum: str = "other") -> Action:
    return Action(key, word, Duty.APPROVER, "approvals.decide", ("approver",), quorum)


# A migration copies this table into approvals_action, where the guards look; a test compares the two.
ACTIONS: dict[str, Action] = {
    action.key: action
    for action in (
        _approval("finding.reject", "Rejection"),
        _approval("finding.approve_plan", "Plan"),
        _approval("finding.close", "Closure", "closure"),
        Action("risk.accept", "Risk acceptance", Duty.ACCEPTOR, "risk.accept", ("executive",)),
        _approval("finding.defer", "Deferral"),
        _approval("finding.change_severity", "Change of severity"),
        _approval("finding.move_due", "Change of due date"),
        _approval("finding.reassign", "Reassignment"),
        _approval("finding.narrow_scope", "Narrower scope"),
        Action("policy.change", "Change of the rules", Duty.APPROVER, "rules.decide", ("executive", "approver")),
        Action("sod.waive", "Exception", Duty.APPROVER, "rules.waive", ("executive",)),
        Action("package.seal", "Package", Duty.APPROVER, "packages.approve", ("approver", "executive")),
    )
}
DECIDING_PERMISSIONS = frozenset(action.permission for action in ACTIONS.values())


def action(key: str) -> Action:
    """The action of that name. Raises Invalid for an unknown one."""
    if key not in ACTIONS:
        raise Invalid(
            f"There is no action called “{key}”.",
            fields={"action": ["Choose one of the listed actions."]},
            rule="A-14",
        )
    return ACTIONS[key]
