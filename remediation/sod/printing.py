"""The rulebook as a page of the documents, so that what is written and what is in force can be compared."""

from remediation.sod.rulebook import Family, Rule, families

_HEAD = """# The rulebook

Every numbered rule that keeps people apart, as the product holds it: a page says the sentence, a service refuses with
the number, and the database refuses once more, whoever sends the statement. `manage.py rulebook` prints this page; a
test compares the two. The same stands in the portal under Settings, Rules.

The code in the last column is the SQLSTATE of the database's refusal.
"""


def document() -> str:
    """docs/rulebook.md, whole."""
    return "\n".join([_HEAD, *(_section(family) for family in families())])


def _section(family: Family) -> str:
    lines = [f"## {family.letter}: {family.title}", "", family.about, "", "| rule | says | instead | refused as |"]
    return "\n".join([*lines, "|---|---|---|---|", *(_line(rule) for rule in family.rules), ""])


def _line(rule: Rule) -> str:
    return f"| {rule.number} | {rule.sentence} | {rule.instead} | {'allowed' if rule.permits else rule.sqlstate} |"
