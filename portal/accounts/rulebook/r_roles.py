"""Which roles may not meet in one person, and who may give them."""

from remediation.sod.rulebook import FORM, HISTORY, PERSON, ROLES, STATE, Family, Rule

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
        Rule(
            "R-03",
            "a privileged role takes two administrators who both prove who they are",
            "Ask for it under People and roles, then let another administrator decide.",
            PERSON,
        ),
        Rule("R-04", "a role is never backdated", "Let it begin now, or later.", FORM),
        Rule("R-05", "nobody reviews their own access", "Let another reviewer decide this line.", PERSON),
        Rule(
            "R-06",
            "a line is decided once, and nothing of a review changes after its end",
            "Open a new review, or change the access under People.",
            HISTORY,
        ),
        Rule(
            "R-07",
            "a role is given by an administrator of the organization, or by the operator of the installation",
            "Ask an administrator; where none is left, ask the operator for an invitation.",
            PERSON,
        ),
        Rule(
            "R-08",
            "what was asked for is decided once, within 14 days, and stays as it was asked",
            "Ask anew.",
            STATE,
        ),
        Rule(
            "R-09",
            "an invitation is used once, in its time, by whom its address belongs to, and stays as it was made",
            "Ask for a new invitation.",
            STATE,
        ),
    ),
    order=60,
)
