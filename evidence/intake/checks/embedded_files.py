"""Files carried inside a PDF or an e-mail: named, and looked into like uploads of their own."""

from collections.abc import Iterator

from evidence.intake import names
from evidence.intake.checks import Incoming, Note

SHOWN = 5


def check(incoming: Incoming) -> Iterator[Note]:
    for code, word in (("attachment.pdf", "PDF"), ("attachment.mail", "e-mail")):
        found = incoming.look.all(code)
        if not found:
            continue
        shown = ", ".join(f"“{names.cleaned(fact.detail)}”" for fact in found[:SHOWN])
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        files = "1 file" if len(found) == 1 else f"{len(found)} files"
        yield Note(
            "attachments", f"The {word} carries {files}: {shown}{more}. Each was looked at as a file of its own."
        )
