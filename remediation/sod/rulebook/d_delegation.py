"""Deciding in another's place: what makes a delegation, what ends it, and when it carries no decision."""

from remediation.sod.rulebook import HISTORY, PERSON, STATE, Family, Rule

FAMILY = Family(
    "D",
    "Delegation",
    "A duty is lent to one person for a time; the rules then look at both, and both count as one.",
    (
        Rule(
            "D-01",
            "a delegation is made by the person whose duty it is, through their own active account",
            "Ask the person themselves to delegate.",
        ),
        Rule("D-02", "nobody delegates to themselves, from whichever account", "Choose another person.", PERSON),
        Rule(
            "D-03",
            "only who holds the duty by a role of their own can delegate it",
            "Choose a duty that your role has, or ask an administrator for the role.",
        ),
        Rule(
            "D-04",
            "the delegate is a member here and may hold the role beside their own",
            "Choose a member who is neither administrator nor auditor.",
            PERSON,
        ),
        Rule(
            "D-05",
            "what is delegated is not delegated on: no chain",
            "End the other delegation first, or choose somebody who neither gave nor received this duty.",
            PERSON,
        ),
        Rule(
            "D-06",
            "two people don't stand in for each other: no loop",
            "Choose somebody who has not delegated this duty to you.",
            PERSON,
        ),
        Rule(
            "D-07", "a delegation ends after its start and at most 30 days later", "Choose a last day within 30 days."
        ),
        Rule("D-08", "a delegation begins when it is made or later, never before", "Let it begin today or later."),
        Rule("D-09", "a delegation says in a few words why", "Say in at least three words why."),
        Rule(
            "D-10",
            "a delegation says what it is for: known actions of its duty, and a scope",
            "Choose from the listed actions and scopes.",
        ),
        Rule(
            "D-11",
            "the delegate alone accepts, through their own account, while it waits",
            "Ask the delegate to accept; nothing holds before.",
            STATE,
        ),
        Rule(
            "D-12",
            "what a delegation says never changes, and it ends once",
            "End it and make another.",
            HISTORY,
            by_form="No service writes more of a delegation than its acceptance and its end.",
        ),
        Rule("D-13", "the delegation was not accepted", "Ask the delegate to accept it first.", STATE),
        Rule(
            "D-14", "the delegation does not run at this moment", "Wait for its first day, or ask for a new one.", STATE
        ),
        Rule("D-15", "the delegation has ended", "Ask for a new one, or let somebody else decide.", STATE),
        Rule("D-16", "the delegation does not cover this", "Let the person themselves or somebody else decide."),
        Rule(
            "D-17",
            "a decision for another names that person and their delegation to the one who decides",
            "Choose the delegation you decide under.",
        ),
        Rule(
            "D-18",
            "who has a conflict can't be decided for either",
            "Let somebody decide who took no part, and for nobody who did.",
            PERSON,
        ),
        Rule(
            "D-19",
            "each person counts once: who decided, or was decided for, does neither again",
            "Let somebody else give the next vote.",
            PERSON,
        ),
        Rule(
            "D-20",
            "one of the two no longer holds a role here",
            "Let somebody else decide; the delegation is over.",
        ),
    ),
    order=40,
)
