"""What nobody does while their emergency access runs, whatever role it gives: one line per right or duty."""

from dataclasses import dataclass

from remediation.sod.duties import Duty


@dataclass(frozen=True)
class Bar:
    """A right that is taken away meanwhile, what it is in words, and the rule that says so."""

    permission: str
    word: str
    rule: str


BARS: tuple[Bar, ...] = (
    Bar("approvals.decide", "decide on requests", rule="B-09"),
    Bar("risk.accept", "accept risk", rule="B-09"),
    Bar("packages.approve", "approve or seal a package", rule="B-09"),
    Bar("disposals.decide", "decide on a disposal", rule="B-09"),
    Bar("evidence.decide_personal", "decide on personal data", rule="B-09"),
    Bar("ledger.erase", "erase words from the history", rule="B-09"),
    Bar("findings.verify", "verify", rule="B-10"),
    Bar("packages.build", "prepare a package", rule="B-10"),
    Bar("holds.release", "release a hold", rule="B-12"),
    Bar("emergency.activate", "activate emergency access", rule="B-05"),
    Bar("emergency.review", "review emergency access", rule="B-13"),
)
BARRED: dict[str, str] = {bar.permission: bar.rule for bar in BARS}

# Duties that leave no hand meanwhile; a migration copies them into approvals_bar, where the guard looks.
DUTIES: tuple[str, ...] = (Duty.VERIFIER, Duty.APPROVER, Duty.ACCEPTOR, Duty.PREPARER)

# Roles whose holders may activate somebody's emergency access; the guard has the same three.
ACTIVATORS = ("administrator", "executive", "manager")
REVIEWERS = ("manager", "executive", "approver")
# Roles that can be asked for: those of staff.
WANTED = ("manager", "engineer", "reviewer", "approver", "executive", "administrator")
