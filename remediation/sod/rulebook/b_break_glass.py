"""Emergency access: how it begins, what it never gives, and who looks at it afterwards."""

from remediation.sod.rulebook import HISTORY, PERSON, STATE, Family, Rule

FAMILY = Family(
    "B",
    "Emergency access",
    "A role for some hours, switched on by a second person; it gives no decision, and somebody uninvolved reviews it.",
    (
        Rule(
            "B-01",
            "emergency access is asked for by the person themselves, with a proof of identity from the last five minutes",
            "Sign in with your own account and prove that it is you.",
        ),
        Rule(
            "B-02",
            "emergency access needs its reason in a few words, and a ticket",
            "Say in at least three words why, and name the ticket or incident.",
        ),
        Rule(
            "B-03",
            "emergency access is for one role of staff that the member does not hold",
            "Choose one of the listed roles.",
        ),
        Rule("B-04", "emergency access runs for 1 to 4 hours from its activation", "Ask for 1 to 4 hours."),
        Rule(
            "B-05",
            "a second person who may, and has just proved who they are, activates within a day of the asking",
            "Ask an administrator, an executive or a compliance manager to activate it.",
            PERSON,
        ),
        Rule(
            "B-06",
            "one activates alone only while nobody else who may is here, and two people are alarmed",
            "Ask somebody who is here to activate it.",
            PERSON,
        ),
        Rule(
            "B-07",
            "one emergency access at a time, and none while an earlier one waits too long for its review",
            "End the other one, or have it reviewed first.",
            STATE,
        ),
        Rule(
            "B-08",
            "what was asked never changes, and each later act is written once",
            "Ask anew.",
            HISTORY,
            by_form="No service writes more of it than its activation, its end, its review and its finding.",
        ),
        Rule(
            "B-09",
            "nobody decides while their emergency access runs",
            "End it first, or let somebody else decide.",
            PERSON,
        ),
        Rule(
            "B-10",
            "nobody verifies, approves, accepts risk or prepares a package while their emergency access runs",
            "End it first, or let somebody else do it.",
            PERSON,
        ),
        Rule(
            "B-11",
            "nobody grants a role or invites while their emergency access runs",
            "Ask an administrator who acts with their own role.",
            PERSON,
        ),
        Rule(
            "B-12",
            "nobody releases a hold while their emergency access runs",
            "End it first, or let somebody else release it.",
            PERSON,
        ),
        Rule(
            "B-13",
            "it is reviewed after its end, once, by somebody who neither used nor activated it, with a few words",
            "Let a manager, executive or approver who took no part review it.",
            PERSON,
        ),
        Rule(
            "B-14",
            "it begins unactivated, and is asked for at the moment it says",
            "Ask for it and let a second person activate it.",
            by_form="Asking takes neither a moment nor an activation.",
        ),
    ),
    order=45,
)
