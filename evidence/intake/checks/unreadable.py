"""What nobody can read or check: empty, password-protected or broken files."""

from collections.abc import Iterator

from evidence.intake.checks import Incoming, Note, subject

_PASSWORD = {
    "password.archive": ("archive", "so not all of it can be checked. Pack it without one."),
    "password.pdf": ("PDF", "so nobody can read it here. Save it without one."),
    "password.document": ("document", "so nobody can read it here. Save it without one."),
}
_BROKEN = {
    "broken.archive": ("broken_archive", "archive"),
    "broken.pdf": ("broken_pdf", "PDF"),
    "broken.image": ("broken_image", "image"),
    "broken.attachment": ("broken_attachment", "attachment"),
}


def check(incoming: Incoming) -> Iterator[Note]:
    if incoming.size == 0:
        yield Note("empty", "The file is empty.")
    for fact in incoming.look.all(*_PASSWORD)[:1]:
        word, consequence = _PASSWORD[fact.code]
        yield Note("password", f"{subject(fact, word)} has a password, {consequence}")
    for fact in incoming.look.all("pdf.sealed")[:1]:
        yield Note("sealed_pdf", f"{subject(fact, 'PDF')} is encrypted but opens without a password.")
    for fact in incoming.look.all(*_BROKEN)[:1]:
        code, word = _BROKEN[fact.code]
        yield Note(code, f"{subject(fact, word)} is damaged or not whole, so it can't be looked into. Export it again.")
