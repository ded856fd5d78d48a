"""Proof of identity: who shows a second factor, and what a decision may rest on."""

from remediation.sod.rulebook import PERSON, Family, Rule

FAMILY = Family(
    "M",
    "Signing in and proving it",
    "A decision is only as good as the proof of who made it; whoever holds a stronger proof gives that one.",
    (
        Rule(
            "M-01",
            "the role demands a second factor, and this session has shown none",
            "Sign in with a passkey or an authenticator; set one up under “Sign-in and security” first.",
            PERSON,
        ),
        Rule(
            "M-02",
            "a password is no proof for somebody who has a passkey or an authenticator",
            "Use your passkey, or the code your app shows.",
            PERSON,
        ),
        Rule(
            "M-03",
            "the role demands a second factor, and the decision rests on none",
            "Prove it by a passkey or the code of your app, and send the decision again.",
            PERSON,
        ),
        Rule(
            "M-04",
            "a role of this person demands a second factor, and this is their last",
            "Set up another one first, then remove this one.",
            PERSON,
        ),
    ),
    order=60,
)
