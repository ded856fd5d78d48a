"""The matrix applied to what one person holds: a pure function, so pages, services and tests ask the same question."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from evidence import clock
from remediation.sod.duties import WORDS, Duty
from remediation.sod.matrix import CONDITIONAL_SEVERITIES, WORK, Cell, Condition, Verdict, cell

STANDING_ROLES = {"administrator": Duty.ADMINISTRATOR, "auditor": Duty.AUDITOR}


@dataclass(frozen=True)
class Held:
    """A duty that a person has on an item: `at` is None where it stands on a role."""

    duty: str
    at: datetime | None = None
    about: str = ""


@dataclass(frozen=True)
class Terms:
    """What decides the conditional cells: the item's severity and what the organization's policy allows."""

    severity: str = ""
    allow_conditional: bool = False


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
    if rule.verdict == Verdict.YES:
        return True
    if rule.verdict == Verdict.NEVER:
        return rule.condition == Condition.SECOND_ROLE and bool(roles - STANDING_ROLES.keys())
    if rule.condition == Condition.OTHER_CYCLE:  # hands are of one cycle, so here it is always the same one
        return False
    if rule.condition == Condition.NEVER_WORKED and duties & WORK:
        return False
    return terms.allow_conditional and terms.severity in CONDITIONAL_SEVERITIES


def _conflict(rule: Cell, item: Held) -> Conflict:
    act = WORDS[item.duty].act + _when(item)
    return Conflict(
        rule=rule.number,
        held=item.duty,
        wanted=rule.wanted,
        act=act,
        sentence=f"{act}, so someone else must {WORDS[rule.wanted].instead} (rule {rule.number}).",
        third_person=f"{WORDS[item.duty].whoever.capitalize()}{_when(item)} (rule {rule.number})",
        general=rule.sentence,
        about=item.about,
        at=item.at,
    )


def _when(item: Held) -> str:
    if item.at is None:
        return ""
    year = "" if item.at.year == clock.now().year else f" {item.at.year}"
    about = f" ({item.about})" if item.about else ""
    return f" on {item.at.day} {item.at:%B}{year}{about}"
