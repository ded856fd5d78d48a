"""Pairs of roles that never meet in one person, generated from the matrix's own list."""

from remediation.sod.matrix import TOXIC
from remediation.sod.rulebook import ROLES, Family, Rule

FAMILY = Family(
    "N",
    "Roles that never meet",
    "Whoever holds the one is refused the other in the same organization. An organization may add pairs of its own.",
    tuple(
        Rule(
            pair.number,
            pair.sentence,
            "End the other role first, or give this one to somebody else.",
            ROLES,
        )
        for pair in TOXIC
    ),
    order=55,
)
