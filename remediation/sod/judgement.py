"""The matrix applied to what one person holds: a pure function, so pages, services and tests ask the same question."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from evidence import clock
from remediation.sod.duties import WORDS, Duty
from remediation.sod.matrix import CONDITIONAL_SEVERITIES, WORK, Cell, Condition, Verdict, cell
from remediation.sod.policy import Segregation

STANDING_ROLES = {"administrator": Duty.ADMINISTRATOR, "auditor": Duty.AUDITOR}


@dataclass(frozen=True)
class Held:
    """A duty that a person has on an item: `at` is None where it stands on a role."""

    duty: str
    at: datetime | None = None
    about: str = ""


@dataclass(frozen=True)
class Terms:
    """What decides besides the matrix: the item's severity, the organization's policy, the person's exceptions.

    `waived` holds (rule, wanted duty) of exceptions in force for the person who is judged.
    """

    severity: str = ""
    policy: Segregation = field(default_factory=Segregation)
    waived: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Conflict:
    """One reason why a person may not take a duty.

    `sentence` speaks to that person, `third_person` about them, `general` states the rule.
    """

    rule: str
    held: str
    wanted: str
    act: str
    sentence: str
    third_person: str
    general: str
    about: str = ""
    at: datetime | None = None


def judge(held: Iterable[Held], wanted: str, *, roles: frozenset[str], terms: Terms) -> list[Conflict]:
    """Every conflict between what is held (hands, and `roles` that count as duties) and the wanted duty."""
    everything = [*held, *(Held(duty) for role, duty in STANDING_ROLES.items() if role in roles)]
    duties = {item.duty for item in everything}
    found = []
    for item in everything:
        rule = cell(item.duty, wanted)
        if rule is not None and not _allowed(rule, duties, roles, terms):
            found.append(_conflict(rule, item))
    return sorted(found, key=lambda conflict: conflict.rule)


def _allowed(rule: Cell, duties: set[str], roles: frozenset[str], terms: Terms) -> bool:
    if (rule.number, str(rule.wanted)) in terms.waived:
        return True
    if rule.verdict == Verdict.YES:
        return rule.number not in terms.policy.forbid
    if rule.verdict == Verdict.NEVER:
        return rule.condition == Condition.SECOND_ROLE and bool(roles - STANDING_ROLES.keys())
    if rule.condition == Condition.OTHER_CYCLE:  # hands are of one cycle, so here it is always the same one
        return False
    if rule.condition == Condition.NEVER_WORKED and duties & WORK:
        return False
    return rule.number in terms.policy.allow and terms.severity in CONDITIONAL_SEVERITIES


def _conflict(rule: Cell, item: Held) -> Conflict:
    return worded(rule.number, item, rule.wanted, _general(rule))


def worded(number: str, item: Held, wanted: str, general: str) -> Conflict:
    """One conflict in the words of pages: to the person, about them, and as the rule has it."""
    held = WORDS[item.duty]
    act = held.act + _when(item)
    return Conflict(
        rule=number,
        held=item.duty,
        wanted=wanted,
        act=act,
        sentence=f"{act}, so someone else must {WORDS[wanted].instead} (rule {number}).",
        third_person=f"{held.whoever.capitalize()}{_when(item)} (rule {number})",
        general=general,
        about=item.about,
        at=item.at,
    )


def _general(rule: Cell) -> str:
    if rule.verdict == Verdict.YES:
        return f"This organization's policy forbids both to one person: {rule.held.label} and {rule.wanted.label}."
    return rule.sentence


def _when(item: Held) -> str:
    if item.at is None:
        return ""
    year = "" if item.at.year == clock.now().year else f" {item.at.year}"
    about = f" ({item.about})" if item.about else ""
    return f" on {item.at.day} {item.at:%B}{year}{about}"
