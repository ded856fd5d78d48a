"""The life of a finding as one table (PRACTICE.md 3.2). What is not in it is refused, here and in the database."""

from dataclasses import dataclass

from evidence.errors import WrongState
from remediation.findings.states import NEEDS_PLAN_APPROVAL, Severity, State

S = State
WORKABLE = (S.TRIAGED, S.ANALYSED, S.PLANNED, S.IN_REMEDIATION)
BEFORE_VERIFICATION = (*WORKABLE, S.READY_FOR_VERIFICATION)


@dataclass(frozen=True)
class Move:
    """One legal move.

    `permission` None: nobody makes it by hand, a granted request or the system does. `back` means the target is the
    state the finding came from, one of `targets`. `approval` names the action whose granted request the move needs,
    for `approval_for` severities (all when empty).
    """

    row: int
    verb: str
    sources: tuple[State, ...]
    targets: tuple[State, ...]
    permission: str | None
    duty: str | None
    event: str
    guards: tuple[str, ...] = ()
    approval: str | None = None
    approval_for: tuple[Severity, ...] = ()
    back: bool = False
    aside: bool = False
    new_cycle: bool = False

    @property
    def target(self) -> State:
        return self.targets[0]

    def needs_approval(self, severity: str) -> bool:
        return self.approval is not None and (not self.approval_for or severity in self.approval_for)

    def check(self, state: str, ref: str = "This finding") -> None:
        """Raise WrongState unless the move exists from `state`."""
        if state in self.sources:
            return
        allowed = ", ".join(f"“{source.label}”" for source in self.sources)
        raise WrongState(
            f"{ref} is “{State(state).label}”; this step exists only from {allowed}.",
            help=next_step(state),
            details={"state": state, "move": self.verb, "from": [str(source) for source in self.sources]},
        )


MOVES: tuple[Move, ...] = (
    Move(1, "report", (S.DRAFT,), (S.REPORTED,), "findings.report", "finder", "finding.reported", ("has_facts",)),
    Move(
        2,
        "triage",
        (S.REPORTED,),
        (S.TRIAGED,),
        "findings.triage",
        "triager",
        "finding.triaged",
        ("has_rationale", "has_owner", "maps_to_criteria", "duplicates_searched"),
    ),
    Move(
        3,
        "reject",
        (S.REPORTED, S.TRIAGED),
        (S.REJECTED,),
        None,
        None,
        "finding.rejected",
        (),
        approval="finding.reject",
    ),
    Move(
        4,
        "analyse",
        (S.TRIAGED,),
        (S.ANALYSED,),
        "findings.analyse",
        "owner",
        "finding.analysed",
        ("by_owner_or_assignee", "has_root_cause", "has_scope_check"),
    ),
    Move(
        5,
        "plan",
        (S.ANALYSED,),
        (S.PLANNED,),
        "findings.plan",
        "owner",
        "finding.planned",
        ("has_success_test", "has_tasks", "milestones_inside_due"),
    ),
    Move(
        6,
        "start",
        (S.PLANNED,),
        (S.IN_REMEDIATION,),
        None,
        None,
        "finding.remediation_started",
        (),
        approval="finding.approve_plan",
        approval_for=NEEDS_PLAN_APPROVAL,
    ),
    Move(
        7,
        "ready",
        (S.IN_REMEDIATION,),
        (S.READY_FOR_VERIFICATION,),
        "tasks.work",
        "implementer",
        "finding.ready_for_verification",
        ("plan_still_approved", "tasks_done", "evidence_attached", "change_referenced"),
    ),
    Move(
        8,
        "return_to_work",
        (S.READY_FOR_VERIFICATION,),
        (S.IN_REMEDIATION,),
        "findings.verify",
        "verifier",
        "finding.returned_to_work",
        ("has_reason",),
    ),
    Move(
        9,
        "verify",
        (S.READY_FOR_VERIFICATION,),
        (S.VERIFIED,),
        "findings.verify",
        "verifier",
        "finding.verified",
        ("success_test_passed", "evidence_sufficient"),
    ),
    Move(
        10,
        "close",
        (S.VERIFIED,),
        (S.CLOSED,),
        None,
        None,
        "finding.closed",
        ("operating_or_design_only",),
        approval="finding.close",
    ),
    Move(
        11,
        "reopen",
        (S.CLOSED, S.REJECTED),
        (S.TRIAGED,),
        "findings.reopen",
        None,
        "finding.reopened",
        ("has_reason", "has_owner"),
        new_cycle=True,
    ),
    Move(
        12,
        "ask_acceptance",
        BEFORE_VERIFICATION,
        (S.RISK_ACCEPTANCE_PENDING,),
        "findings.accept_risk_request",
        "owner",
        "finding.risk_acceptance_asked",
        ("not_assignee", "has_reason", "expiry_within_limit"),
        aside=True,
    ),
    Move(
        13,
        "accept_risk",
        (S.RISK_ACCEPTANCE_PENDING,),
        (S.RISK_ACCEPTED,),
        None,
        None,
        "finding.risk_accepted",
        (),
        approval="risk.accept",
    ),
    Move(
        13,
        "drop_acceptance",
        (S.RISK_ACCEPTANCE_PENDING,),
        BEFORE_VERIFICATION,
        None,
        None,
        "finding.risk_acceptance_dropped",
        (),
        back=True,
    ),
    Move(
        14,
        "end_acceptance",
        (S.RISK_ACCEPTED,),
        (S.TRIAGED,),
        "risk.accept",
        None,
        "finding.risk_acceptance_ended",
        ("has_reason",),
    ),
    Move(
        15,
        "ask_deferral",
        WORKABLE,
        (S.DEFERRAL_PENDING,),
        "findings.defer_request",
        "owner",
        "finding.deferral_asked",
        ("before_due", "has_reason", "new_date", "vendor_check_in"),
        aside=True,
    ),
    Move(
        15, "defer", (S.DEFERRAL_PENDING,), (S.DEFERRED,), None, None, "finding.deferred", (), approval="finding.defer"
    ),
    Move(15, "drop_deferral", (S.DEFERRAL_PENDING,), WORKABLE, None, None, "finding.deferral_dropped", (), back=True),
    Move(16, "resume", (S.DEFERRED,), WORKABLE, None, None, "finding.resumed", (), back=True),
    # Row 17: cancelling. Nobody may: records are never deleted, a finding that is none is rejected (row 3).
)

BY_VERB: dict[str, Move] = {move.verb: move for move in MOVES}
# A row is born here; reading a file or writing a draft are the only ways in.
BIRTHS: tuple[State, ...] = (S.DRAFT, S.REPORTED)


def legal_pairs() -> frozenset[tuple[State, State]]:
    """Every (from, to) that some move makes; guards.py refuses all others."""
    return frozenset((source, target) for move in MOVES for source in move.sources for target in move.targets)


def approvals_by_pair() -> dict[tuple[State, State], tuple[str, tuple[Severity, ...]]]:
    """For each pair that needs a granted request: its action and the severities it is needed for (empty: all)."""
    return {
        (source, target): (move.approval, move.approval_for)
        for move in MOVES
        if move.approval
        for source in move.sources
        for target in move.targets
    }


def moves_from(state: str) -> list[Move]:
    """The moves that exist from a state, in the order of the table."""
    return [move for move in MOVES if state in move.sources]


_NEXT = {
    S.DRAFT: "Complete its facts and report it.",
    S.REPORTED: "Triage it: severity with a rationale, an owner, and the criteria it touches.",
    S.TRIAGED: "Its owner or assignee writes the root cause and the scope check next.",
    S.ANALYSED: "A plan with a success test and at least one task comes next.",
    S.PLANNED: "Its plan waits for approval.",
    S.IN_REMEDIATION: "Finish its tasks, attach the evidence, then hand it over for verification.",
    S.READY_FOR_VERIFICATION: "Someone independent of the fix verifies it next.",
    S.VERIFIED: "Ask for closure; approvers decide.",
    S.CLOSED: "It can be reopened with a reason, which starts a new cycle.",
    S.REJECTED: "It can be reopened with a reason, which starts a new cycle.",
    S.RISK_ACCEPTANCE_PENDING: "The risk acceptance waits for a decision.",
    S.RISK_ACCEPTED: "Its risk is accepted until the expiry; ending the acceptance brings it back to triage.",
    S.DEFERRAL_PENDING: "The deferral waits for a decision.",
    S.DEFERRED: "It comes back by itself on its new date.",
}


def next_step(state: str) -> str:
    """A sentence on what comes next for a finding in `state`."""
    return _NEXT[State(state)]
