"""Files that are two things at once, so that what one program checks is not what another opens."""

from collections.abc import Iterator

from evidence.intake.checks import Incoming, Note, subject


def check(incoming: Incoming) -> Iterator[Note]:
    for fact in incoming.look.all("polyglot")[:1]:
        yield Note(
            "polyglot",
            f"{subject(fact, 'file')} is {fact.detail} at once, which honest exports are not. It waits for a reviewer.",
            blocks=True,
        )
