"""Archives made to fill a disk or a memory: by ratio, by number, by lies, by overlap, by nesting."""

from collections.abc import Iterator

from evidence.intake.checks import Incoming, Note, subject

_KEPT = "It is stored as it came and never unpacked here; a reviewer decides."
_WORDS = {
    "bomb.ratio": "unpacks to more than 100 times its size",
    "bomb.directory": "has a table of contents larger than 4 MB",
    "bomb.entries": "has more than 10,000 entries",
    "bomb.lies": "unpacks to more than it says",
    "bomb.overlap": "has entries that share the same bytes",
    "bomb.depth": "is nested more than three archives deep",
}


def check(incoming: Incoming) -> Iterator[Note]:
    found = incoming.look.all(*_WORDS)
    if not found:
        return
    said = list(dict.fromkeys(_WORDS[fact.code] for fact in found))
    size = max((fact.count for fact in found if fact.code == "bomb.ratio"), default=0)
    amount = f" ({size:,} bytes or more)" if size > 1 else ""
    yield Note("bomb", f"{subject(found[0], 'archive')} {' and '.join(said)}{amount}. {_KEPT}", blocks=True)
