"""Which roles may not meet in one person, and who may give them."""

from remediation.sod.rulebook import ROLES, Family, Rule

FAMILY = Family(
    "R",
    "Roles",
    "Roles are the organization's, one person may hold several, and some never together.",
    (
        Rule(
            "R-01",
            "the two roles may not meet in one person",
            "End the other role first, or give this one to somebody else.",
            ROLES,
        ),
        Rule("R-02", "nobody grants a role to themselves", "Ask another administrator.", ROLES),
    ),
    order=60,
)
