"""The exception of a small team: dated, approved by an executive, looked at from outside, printed; never silent."""

from remediation.sod.rulebook import HISTORY, PERSON, STATE, Family, Rule

FAMILY = Family(
    "W",
    "Exceptions of a small team",
    "Fewer than three people who could take a duty never weaken a rule by themselves; a dated exception says so aloud.",
    (
        Rule("W-01", "an exception lasts at most 90 days and ends after it begins", "Choose up to 90 days; ask again."),
        Rule(
            "W-02",
            "no exception stands from the rules of requesters, administrators, auditors or authors",
            "Choose a rule between two duties of the work.",
        ),
        Rule(
            "W-03",
            "an exception stands only while fewer than three people could take the duty",
            "Ask one of the people who can.",
            STATE,
        ),
        Rule(
            "W-04",
            "an exception stands by the granted request of an executive, with exactly what was decided",
            "Ask for it under Settings, Rules, Exceptions.",
            STATE,
        ),
        Rule("W-05", "an exception says why, and names its reviewer from outside", "Give the reason and the reviewer."),
        Rule(
            "W-06",
            "whoever would carry the exception neither asks for it nor decides on it",
            "Let somebody else ask.",
            PERSON,
        ),
        Rule(
            "W-07",
            "an exception is never changed, only ended once",
            "End it and ask for another.",
            HISTORY,
            by_form="No service changes an exception.",
        ),
    ),
    order=45,
)
