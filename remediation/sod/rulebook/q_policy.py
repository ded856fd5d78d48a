"""How an organization changes its own segregation policy, and below what it never reaches."""

from remediation.sod.rulebook import PERSON, STATE, Family, Rule

FAMILY = Family(
    "Q",
    "The policy and its quorum",
    "The matrix is the floor. A change is proposed, decided by somebody who gains nothing, and becomes a version.",
    (
        Rule(
            "Q-01",
            "a version of this policy stands by its granted request, with exactly the content that was decided",
            "Propose the change under Settings, Rules; somebody else decides.",
            STATE,
        ),
        Rule(
            "Q-02",
            "a policy allows only conditional rules, and forbids only what the matrix allows",
            "Choose among the rules that the page offers.",
        ),
        Rule(
            "Q-03",
            "a quorum is not lower than the product's, and votes live from 1 to 14 days",
            "Ask for more people, or for an exception while your team is small.",
        ),
        Rule(
            "Q-04",
            "a quorum is not larger than the people or departments who can decide",
            "Ask for fewer, or give somebody the deciding role first.",
        ),
        Rule(
            "Q-05",
            "whoever gains from a change of the rules does not decide on it",
            "Let somebody decide who could do no more after it than before.",
            PERSON,
        ),
        Rule(
            "Q-06",
            "whoever carries an open exception neither writes nor decides a change of the rules",
            "End the exception first, or let somebody else do it.",
            PERSON,
        ),
        Rule(
            "Q-07",
            "the change would leave a request that nobody could decide",
            "Have the requests named here decided or withdrawn first, or change less.",
            STATE,
        ),
        Rule(
            "Q-08",
            "somebody already holds two roles that the change would keep apart",
            "End one of the two roles first.",
            STATE,
        ),
    ),
    order=40,
)
