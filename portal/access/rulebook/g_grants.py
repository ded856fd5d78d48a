"""Who is let in to one thing: engagements, restricted findings, teams."""

from remediation.sod.rulebook import FORM, HISTORY, PERSON, ROLES, STATE, Family, Rule

BY_FORM = "no service changes one: each ends it or gives a new one"

FAMILY = Family(
    letter="G",
    title="Grants of one thing",
    about="Who is let in to an engagement or a restricted finding, by whom and until when; teams.",
    order=70,
    rules=(
        Rule("G-01", "nobody lets themselves in", "Ask somebody else who may let people in.", PERSON),
        Rule("G-02", "a grant is never backdated", "Let it begin now, or later.", FORM),
        Rule("G-03", "a grant ends, after it begins and in the future", "Choose a later end.", FORM),
        Rule(
            "G-04",
            "an auditor's access ends no later than the engagement itself",
            "Choose an earlier end, or move the engagement's last day of access first.",
            FORM,
        ),
        Rule(
            "G-05",
            "who holds another role here does not read as an auditor",
            "End their other roles first, or give the access to somebody of the audit firm.",
            ROLES,
        ),
        Rule("G-06", "a grant is only shortened or taken back", "Give a new one instead.", HISTORY, by_form=BY_FORM),
        Rule(
            "G-07",
            "only who sees a restricted finding lets others in",
            "Ask its owner, or a compliance manager who is let in.",
            PERSON,
        ),
        Rule("G-08", "nobody puts themselves into a team", "Ask another administrator.", PERSON),
        Rule("G-09", "a place in a team is never backdated", "Let it begin now, or later.", FORM),
        Rule("G-10", "a place in a team is only ended", "Give a new one instead.", HISTORY, by_form=BY_FORM),
        Rule(
            "G-11",
            "a team that has ended takes nobody in and is let in to nothing",
            "Found a new team.",
            STATE,
        ),
    ),
)
