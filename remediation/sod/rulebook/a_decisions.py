"""Form and state of requests and decisions: what makes one of them no decision at all."""

from remediation.sod.rulebook import HISTORY, STATE, Family, Rule

_ASK_AGAIN = "Ask for the decision again."

FAMILY = Family(
    "A",
    "Requests and decisions",
    "A request is bound to its content and to the rules of its moment; a decision is a person's, fresh, with a reason.",
    (
        Rule("A-01", "a decision belongs to a request of the same organization", "Open the request in your queue."),
        Rule("A-02", "the request is not open", f"See what became of it. {_ASK_AGAIN}", STATE),
        Rule(
            "A-03",
            "the decision is about other content than the request",
            "Look at what changed; whoever asked must ask again.",
        ),
        Rule(
            "A-04",
            "the account is not an active account of that person",
            "Sign in with your own account, or ask an administrator to switch it on.",
        ),
        Rule(
            "A-05",
            "a decision needs a proof of identity from the last five minutes",
            "Prove that it is you and send the decision again.",
        ),
        Rule("A-06", "a decision needs its reason in a few words", "Say in at least three words why."),
        Rule(
            "A-07",
            "the person holds no deciding role here, or not in that department",
            "Ask one of the people listed, or an administrator for the role.",
        ),
        Rule("A-08", "the rules in force are of another version", _ASK_AGAIN),
        Rule("A-09", "the request ran out of time", _ASK_AGAIN, STATE),
        Rule("A-10", "the quorum has not approved", "Ask the people who have not decided yet.", STATE),
        Rule("A-11", "a request begins open", _ASK_AGAIN, by_form="No service takes the state of a new request."),
        Rule(
            "A-12",
            "what a request is about never changes",
            "Withdraw it and ask for something else.",
            HISTORY,
            by_form="No service writes more of a request than its state.",
        ),
        Rule(
            "A-13",
            "the quorum or severity is lower than the policy and the subject demand",
            "Ask with the severity the item has.",
            by_form="A request takes its quorum from the policy and nowhere else.",
        ),
        Rule("A-14", "there is no such action", "Choose one of the listed actions."),
        Rule(
            "A-15",
            "the content, its hash and its subject don't belong together",
            _ASK_AGAIN,
            by_form="The hash is made from the content in the same call.",
        ),
    ),
    order=20,
)
