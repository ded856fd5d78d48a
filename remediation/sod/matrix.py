"""The same-item matrix of PRACTICE.md section 4 as data, and the roles nobody may hold together.

One line per unordered pair, so the matrix cannot become asymmetric. A migration copies it into sod_rule and
sod_toxicpair, where the database looks; a change is a new version and a new migration, never an edit. It is the floor:
an organization's policy (policy.py) may forbid more, and allow the conditional cells alone.
"""

from dataclasses import dataclass
from enum import StrEnum

from remediation.sod.duties import WORDS, Duty

VERSION = 2


class Verdict(StrEnum):
    NEVER = "N"
    CONDITIONAL = "C"  # only if the policy allows it, and never for High or Critical
    YES = "Y"


class Condition(StrEnum):
    """What must hold besides, before a conditional cell allows or a forbidden one makes its noted exception."""

    NONE = ""
    NEVER_WORKED = "never_worked"  # note 1: never implemented, owned, managed or uploaded
    SECOND_ROLE = "second_role"  # note 2: through a second role that is not the administrator's
    OTHER_CYCLE = "other_cycle"  # note 6: a different decision, on a different cycle


@dataclass(frozen=True)
class Pair:
    """One numbered rule: two duties and what holds when one person has both on one cycle of an item."""

    number: str
    one: Duty
    other: Duty
    verdict: Verdict
    note: str = ""
    condition: Condition = Condition.NONE

    @property
    def on_roles(self) -> bool:
        """Whether both stand on a role, so that the grant of the role is refused and no hand ever is."""
        return {self.one, self.other} <= {Duty.ADMINISTRATOR, Duty.AUDITOR}


@dataclass(frozen=True)
class Cell:
    """One direction of a rule: who holds `held` wants `wanted`."""

    number: str
    held: Duty
    wanted: Duty
    verdict: Verdict
    note: str
    condition: Condition
    sentence: str


_N, _C, _Y = Verdict.NEVER, Verdict.CONDITIONAL, Verdict.YES
_NOTE_1 = "The finder may verify only if they never implemented, owned, managed or uploaded."
_NOTE_2 = (
    "An administrator may report a finding as a plain user, through a second role that is not the administrator's."
)
_NOTE_3 = "An auditor raises requests and comments; staff create the finding from them."
_NOTE_4 = "A business risk owner may accept Medium and Low only, and never what they asked for themselves."
_NOTE_5 = "Who administers the portal holds no workflow duty in the same organization."
_NOTE_6 = "Both are possible only as different decisions on different cycles."

_SAME_ITEM: tuple[Pair, ...] = (
    Pair("S-01", Duty.REQUESTER, Duty.APPROVER, _N),
    Pair("S-01", Duty.REQUESTER, Duty.ACCEPTOR, _N),
    Pair("S-02", Duty.OWNER, Duty.VERIFIER, _N),
    Pair("S-03", Duty.OWNER, Duty.APPROVER, _N),
    Pair("S-04", Duty.IMPLEMENTER, Duty.VERIFIER, _N),
    Pair("S-05", Duty.IMPLEMENTER, Duty.APPROVER, _N),
    Pair("S-06", Duty.UPLOADER, Duty.VERIFIER, _N),
    Pair("S-07", Duty.UPLOADER, Duty.APPROVER, _N),
    Pair("S-08", Duty.VERIFIER, Duty.APPROVER, _N),
    Pair("S-09", Duty.FINDER, Duty.VERIFIER, _C, _NOTE_1, Condition.NEVER_WORKED),
    Pair("S-10", Duty.FINDER, Duty.APPROVER, _C),
    Pair("S-11", Duty.FINDER, Duty.ACCEPTOR, _N),
    Pair("S-12", Duty.OWNER, Duty.ACCEPTOR, _C, _NOTE_4),
    Pair("S-13", Duty.IMPLEMENTER, Duty.ACCEPTOR, _N),
    Pair("S-14", Duty.UPLOADER, Duty.ACCEPTOR, _N),
    Pair("S-15", Duty.VERIFIER, Duty.ACCEPTOR, _N),
    Pair("S-16", Duty.APPROVER, Duty.ACCEPTOR, _C, _NOTE_6, Condition.OTHER_CYCLE),
    Pair("S-17", Duty.ADMINISTRATOR, Duty.FINDER, _N, _NOTE_2, Condition.SECOND_ROLE),
    Pair("S-18", Duty.ADMINISTRATOR, Duty.OWNER, _N),
    Pair("S-19", Duty.ADMINISTRATOR, Duty.IMPLEMENTER, _N, _NOTE_5),
    Pair("S-20", Duty.ADMINISTRATOR, Duty.UPLOADER, _N),
    Pair("S-21", Duty.ADMINISTRATOR, Duty.VERIFIER, _N),
    Pair("S-22", Duty.ADMINISTRATOR, Duty.APPROVER, _N),
    Pair("S-23", Duty.ADMINISTRATOR, Duty.ACCEPTOR, _N),
    Pair("S-24", Duty.AUDITOR, Duty.FINDER, _N, _NOTE_3),
    Pair("S-25", Duty.AUDITOR, Duty.OWNER, _N),
    Pair("S-26", Duty.AUDITOR, Duty.IMPLEMENTER, _N),
    Pair("S-27", Duty.AUDITOR, Duty.UPLOADER, _N),
    Pair("S-28", Duty.AUDITOR, Duty.VERIFIER, _N),
    Pair("S-29", Duty.AUDITOR, Duty.APPROVER, _N),
    Pair("S-30", Duty.AUDITOR, Duty.ACCEPTOR, _N),
    Pair("S-31", Duty.ADMINISTRATOR, Duty.AUDITOR, _N),
    Pair("S-32", Duty.FINDER, Duty.OWNER, _Y),
    Pair("S-33", Duty.FINDER, Duty.IMPLEMENTER, _Y),
    Pair("S-34", Duty.FINDER, Duty.UPLOADER, _Y),
    Pair("S-35", Duty.OWNER, Duty.IMPLEMENTER, _Y),
    Pair("S-36", Duty.OWNER, Duty.UPLOADER, _Y),
    Pair("S-37", Duty.IMPLEMENTER, Duty.UPLOADER, _Y),
    # Also forbidden pairs (PRACTICE.md section 4, second paragraph).
    Pair("S-38", Duty.PREPARER, Duty.APPROVER, _N),
    Pair("S-39", Duty.AUDITOR, Duty.PREPARER, _N),
)

# The rest of the "also forbidden pairs". A duty that nothing takes yet (sampling) is refused for any item all the same.
_ALSO: tuple[Pair, ...] = (
    Pair("S-42", Duty.SAMPLER, Duty.OPERATOR, _N),
    Pair("S-43", Duty.ACCESS_REVIEWER, Duty.ACCESS_HOLDER, _N),
    Pair("S-44", Duty.REDACTOR, Duty.APPROVER, _N),
    Pair("S-45", Duty.AUTHOR, Duty.APPROVER, _N),
    Pair("S-46", Duty.AUTHOR, Duty.CARRIER, _N),
    Pair("S-47", Duty.BENEFICIARY, Duty.APPROVER, _N),
    Pair("S-48", Duty.CARRIER, Duty.APPROVER, _N),
    Pair("S-49", Duty.PREPARER, Duty.SIGNER, _N),
    Pair("S-50", Duty.RELEASER, Duty.DISPOSER, _N),
    Pair("S-51", Duty.GRANTER, Duty.GRANTEE, _N, "Nobody grants a role to themselves."),
    Pair("S-52", Duty.GRANTER, Duty.CONFIRMER, _N, "A privileged grant needs a second administrator."),
    Pair("S-53", Duty.GRANTEE, Duty.CONFIRMER, _N),
)

# Every version there was, so that a migration loads the one it was written for.
MATRICES: dict[int, tuple[Pair, ...]] = {1: _SAME_ITEM, 2: (*_SAME_ITEM, *_ALSO)}
PAIRS = MATRICES[VERSION]

# Severities for which a conditional cell may ever allow; anything else, also an unknown one, is refused.
CONDITIONAL_SEVERITIES = frozenset({"medium", "low"})
# Duties that make "never worked" false; triager stands for "managed".
WORK = frozenset({Duty.IMPLEMENTER, Duty.OWNER, Duty.UPLOADER, Duty.TRIAGER})


def sentence(held: Duty, wanted: Duty, verdict: Verdict) -> str:
    """One direction of a rule in words."""
    who = f"Whoever {WORDS[held].whoever}"
    if verdict == Verdict.YES:
        return f"{who} may also {WORDS[wanted].instead}."
    if verdict == Verdict.CONDITIONAL:
        return f"{who} may {WORDS[wanted].instead} only if the policy allows it, and never for High or Critical."
    return f"{who} may not {WORDS[wanted].instead}."


def _cell(pair: Pair, held: Duty, wanted: Duty) -> Cell:
    words = sentence(held, wanted, pair.verdict)
    return Cell(pair.number, held, wanted, pair.verdict, pair.note, pair.condition, words)


def cells(version: int) -> dict[tuple[str, str], Cell]:
    """Both directions of every rule of a version."""
    return {
        (held, wanted): _cell(pair, held, wanted)
        for pair in MATRICES[version]
        for held, wanted in ((pair.one, pair.other), (pair.other, pair.one))
    }


CELLS = cells(VERSION)


def cell(held: str, wanted: str) -> Cell | None:
    """The rule for a pair of duties; None where the matrix has none (a duty with itself, or a triager)."""
    return CELLS.get((held, wanted))


@dataclass(frozen=True)
class Toxic:
    """Two roles that one person never holds together in one organization, under a number."""

    number: str
    one: str
    other: str

    @property
    def sentence(self) -> str:
        return f"{_role(self.one)} and {_role(self.other)} may not meet in one person"


def _role(key: str) -> str:
    return key.replace("_", " ")


# PRACTICE.md section 4, toxic roles: administrators, auditors and support hold no other role at all. Note 2 (reporting through a
# second role) waits for a role that may stand beside the administrator's. N-12 to N-16 name roles that the portal does
# not have; a membership in both is refused all the same.
TOXIC: tuple[Toxic, ...] = (
    Toxic("N-01", "administrator", "approver"),
    Toxic("N-02", "administrator", "auditor"),
    Toxic("N-03", "administrator", "manager"),
    Toxic("N-04", "administrator", "engineer"),
    Toxic("N-05", "administrator", "reviewer"),
    Toxic("N-06", "administrator", "executive"),
    Toxic("N-07", "auditor", "manager"),
    Toxic("N-08", "auditor", "engineer"),
    Toxic("N-09", "auditor", "reviewer"),
    Toxic("N-10", "auditor", "approver"),
    Toxic("N-11", "auditor", "executive"),
    Toxic("N-12", "developer", "deploy_approver"),
    Toxic("N-13", "token_custodian", "log_administrator"),
    Toxic("N-14", "data_exporter", "export_log_reviewer"),
    Toxic("N-15", "vendor_onboarder", "vendor_risk_owner"),
    Toxic("N-16", "backup_operator", "backup_eraser"),
    Toxic("N-17", "support", "administrator"),
    Toxic("N-18", "support", "manager"),
    Toxic("N-19", "support", "engineer"),
    Toxic("N-20", "support", "reviewer"),
    Toxic("N-21", "support", "approver"),
    Toxic("N-22", "support", "executive"),
    Toxic("N-23", "support", "auditor"),
)


def toxic_with(role: str, held: frozenset[str] | set[str]) -> str | None:
    """The role among `held` that may not stand beside `role` by the product's own pairs, or None."""
    pairs = {frozenset({pair.one, pair.other}) for pair in TOXIC}
    return next((other for other in sorted(held) if frozenset({role, other}) in pairs), None)
