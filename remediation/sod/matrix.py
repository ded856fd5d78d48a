"""The same-item matrix of PRACTICE.md section 4 as data, and the roles nobody may hold together.

One line per unordered pair, so the matrix cannot become asymmetric. A migration copies it into sod_rule, where the
database looks; a change of the matrix is a new version and a new migration, never an edit.
"""

from dataclasses import dataclass
from enum import StrEnum

from remediation.sod.duties import WORDS, Duty

VERSION = 1


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

PAIRS: tuple[Pair, ...] = (
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

# Every version there was, so that a migration loads the one it was written for.
MATRICES: dict[int, tuple[Pair, ...]] = {1: PAIRS}

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


def _toxic(role: str, others: tuple[str, ...]) -> set[frozenset[str]]:
    return {frozenset({role, other}) for other in others}


# Roles that one person never holds together in one organization: administrators and auditors hold no other at all.
# Note 2 (reporting through a second role) therefore waits for a role that may stand beside the administrator's.
TOXIC_ROLES: frozenset[frozenset[str]] = frozenset(
    _toxic("administrator", ("manager", "engineer", "reviewer", "approver", "executive", "auditor"))
    | _toxic("auditor", ("manager", "engineer", "reviewer", "approver", "executive", "administrator"))
)


def toxic_with(role: str, held: frozenset[str] | set[str]) -> str | None:
    """The role among `held` that may not stand beside `role`, or None."""
    return next((other for other in sorted(held) if frozenset({role, other}) in TOXIC_ROLES), None)
