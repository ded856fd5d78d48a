"""An organization's segregation policy over the matrix: which conditional cells it allows, what it forbids besides.

The matrix is the floor. A policy that reaches below it is no policy; `problems` says so in words, and the database
refuses it with the same number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from remediation.sod.matrix import PAIRS, TOXIC, Verdict

CONDITIONAL = frozenset(pair.number for pair in PAIRS if pair.verdict == Verdict.CONDITIONAL)
ALLOWED = frozenset(pair.number for pair in PAIRS if pair.verdict == Verdict.YES)
BUILT_IN = frozenset(frozenset({pair.one, pair.other}) for pair in TOXIC)


@dataclass(frozen=True)
class Segregation:
    """A policy as the judges read it: numbers of rules, and pairs of roles that never meet here."""

    allow: frozenset[str] = frozenset()
    forbid: frozenset[str] = frozenset()
    toxic: frozenset[frozenset[str]] = field(default=frozenset())

    @property
    def body(self) -> dict[str, Any]:
        """The policy as it is kept, in an order that never depends on who wrote it."""
        return {
            "allow": sorted(self.allow),
            "forbid": sorted(self.forbid),
            "toxic_roles": sorted(sorted(pair) for pair in self.toxic),
        }


def parse(body: Mapping[str, Any]) -> Segregation:
    """The policy of a body, also of one from the time when all conditional cells had one switch."""
    allow = frozenset(CONDITIONAL if body.get("allow_conditional") else body.get("allow", ()))
    pairs = frozenset(frozenset(pair) for pair in body.get("toxic_roles", ()))
    return Segregation(allow, frozenset(body.get("forbid", ())), pairs)


def problems(policy: Segregation) -> list[str]:
    """In words, where the policy reaches below the matrix or names what does not exist."""
    found = [
        f"{number} is no conditional rule, so no policy allows it." for number in sorted(policy.allow - CONDITIONAL)
    ]
    found += [
        f"{number} is no rule that allows, so there is nothing to forbid." for number in sorted(policy.forbid - ALLOWED)
    ]
    found += ["A pair of roles names two roles." for pair in policy.toxic if len(pair) != 2]
    return found
