"""What could not be looked into, wholly or in part: unknown is never taken for good."""

from collections.abc import Iterator

from evidence.intake.checks import Incoming, Note, subject

_OPAQUE = {"7z": "7z", "rar": "RAR", "zstd": "Zstandard"}


def check(incoming: Incoming) -> Iterator[Note]:
    if incoming.look.failed:
        yield Note(
            "unexamined",
            "The file could not be looked into within the limits of memory and time. It waits for a reviewer's decision.",
            blocks=True,
        )
    for fact in incoming.look.all("opaque")[:1]:
        word = _OPAQUE.get(fact.detail, fact.detail)
        yield Note("opaque", f"{subject(fact, word + ' archive')} can't be looked into here. Pack it as ZIP instead.")
    for fact in incoming.look.all("uncounted")[:1]:
        yield Note(
            "partly_examined", f"{subject(fact, 'file')} is too large to be looked into whole; its beginning was."
        )
