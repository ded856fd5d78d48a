"""The same-item rules, generated from the matrix: which duties one person never has on one cycle of one item."""

from remediation.sod.duties import WORDS
from remediation.sod.matrix import PAIRS, Pair, Verdict, sentence
from remediation.sod.rulebook import PERSON, ROLES, Family, Rule


def _of(number: str) -> Rule:
    pairs = [pair for pair in PAIRS if pair.number == number]
    first = pairs[0]
    return Rule(
        number,
        " ".join(dict.fromkeys(_words(pair) for pair in pairs)).removesuffix("."),
        _instead(first),
        ROLES if first.on_roles else PERSON,
        permits=first.verdict == Verdict.YES,
    )


def _words(pair: Pair) -> str:
    return sentence(pair.one, pair.other, pair.verdict)


def _instead(pair: Pair) -> str:
    if pair.verdict == Verdict.YES:
        return "Nothing: one person may do both."
    return f"Let somebody else {WORDS[pair.other].instead}."


FAMILY = Family(
    "S",
    "The same person on the same item",
    "Everything a person ever did on this cycle of the item counts, through whichever account, role or token.",
    (
        *(_of(number) for number in dict.fromkeys(pair.number for pair in PAIRS)),
        Rule(
            "S-40",
            "a hand is that of the account's person; only owners and assignees are appointed",
            "Let the person act with their own account.",
        ),
        Rule(
            "S-41",
            "no hand is laid as administrator, auditor, requester or an unknown duty",
            "Nothing: these stand on a role or on the request.",
        ),
    ),
    order=10,
)
