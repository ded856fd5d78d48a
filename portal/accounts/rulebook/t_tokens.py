"""Access tokens: from where, for how long, and what never changes of one."""

from remediation.sod.rulebook import FORM, HISTORY, PERSON, Family, Rule

FAMILY = Family(
    "T",
    "Access tokens",
    "A token lets a program act as its owner: within its scopes, from its networks, until its end.",
    (
        Rule(
            "T-01",
            "the token may not be used from this network",
            "Call from one of its networks, or make a token for this one. If it was not you, revoke it at once.",
            PERSON,
        ),
        Rule("T-02", "a token ends within a year of its beginning", "Choose at most 365 days.", FORM),
        Rule(
            "T-03",
            "what a token may do, whose it is and from where it works never changes",
            "Revoke it and make another, or exchange it.",
            HISTORY,
            by_form="No service changes a token: an exchange makes a new one.",
        ),
    ),
    order=61,
)
