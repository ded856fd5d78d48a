"""Two accounts of one person: who may say so, what a link refuses to hide, and what it forbids from then on."""

from remediation.sod.rulebook import HISTORY, PERSON, ROLES, STATE, Family, Rule

_REOPEN = "Reopen the item, or withdraw the request, and have it judged by somebody else; then link."

FAMILY = Family(
    "I",
    "Two accounts of one person",
    "Rules compare human beings. Persons of the records that are found to be one are linked, and count as one.",
    (
        Rule("I-01", "a person is not linked to themselves", "Choose two different people."),
        Rule(
            "I-02",
            "a link is kept for ever",
            "Nothing takes it back. Somebody linked wrongly is invited again as a new person.",
            HISTORY,
            by_form="No service changes or removes a link.",
        ),
        Rule(
            "I-03",
            "a link or its dismissal needs its reason in a few words, and a link its evidence",
            "Say in at least three words why, and name what shows it.",
        ),
        Rule(
            "I-04",
            "a link is proposed by an administrator and confirmed by another one, by an executive or by the person",
            "Ask another administrator, or the person themselves on their profile.",
            PERSON,
        ),
        Rule("I-05", "together they broke a rule on an item", _REOPEN, PERSON),
        Rule(
            "I-06",
            "together they broke a rule on an earlier cycle of an item",
            "An executive confirms such a link; the conflict stays in the report on duties.",
            PERSON,
        ),
        Rule(
            "I-07",
            "the roles of both may not meet in one person",
            "End one of the two roles first, or give the new one to somebody else.",
            ROLES,
        ),
        Rule("I-08", "both must be people of this organization", "Choose two of the people listed."),
        Rule(
            "I-09",
            "one person decides a request once, through whatever account",
            "Ask somebody else; the first decision stands.",
            PERSON,
        ),
        Rule("I-10", "these two are one person already", "There is nothing left to do.", STATE),
        Rule(
            "I-11",
            "a claim about two people ends once, and as one person only by its link",
            "Look at what became of it; make a new claim if it must be asked again.",
            STATE,
        ),
        Rule(
            "I-12",
            "nobody grants a role to themselves through another account",
            "Ask another administrator.",
            ROLES,
        ),
    ),
    order=35,
)
