"""Looking through somebody's eyes."""

from remediation.sod.rulebook import FORM, HISTORY, PERSON, Family, Rule

FAMILY = Family(
    "V",
    "Viewing as somebody",
    "A compliance manager may see what a colleague sees, by reading alone, for fifteen minutes.",
    (
        Rule(
            "V-01",
            "nobody looks through their own eyes, nor an administrator's, an auditor's or support's",
            "Choose a colleague who reads no more than you do.",
            PERSON,
        ),
        Rule(
            "V-02",
            "looking through somebody's eyes lasts fifteen minutes at most",
            "Begin again, with a reason.",
            FORM,
            by_form="the service sets the end itself",
        ),
        Rule(
            "V-03",
            "what was looked at through somebody's eyes is only ended",
            "Begin anew.",
            HISTORY,
            by_form="no service changes one: each ends it",
        ),
    ),
    order=61,
)
