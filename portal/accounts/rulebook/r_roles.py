"""Which roles may not meet in one person, and who may give them."""

from remediation.sod.rulebook import HISTORY, PERSON, ROLES, Family, Rule

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
        Rule("R-05", "nobody reviews their own access", "Let another reviewer decide this line.", PERSON),
        Rule(
            "R-06",
            "a line is decided once, and nothing of a review changes after its end",
            "Open a new review, or change the access under People.",
            HISTORY,
        ),
        Rule("R-02", "nobody grants a role to themselves", "Ask another administrator.", ROLES),
    ),
    order=60,
)
