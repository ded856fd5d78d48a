"""Names made to deceive: marks that hide or turn the direction, folders, names cut because they are too long."""

import unicodedata
from collections.abc import Iterator

from evidence.intake import names
from evidence.intake.checks import Incoming, Note


def check(incoming: Incoming) -> Iterator[Note]:
    given = incoming.given_name
    if names.deceives(given):
        yield Note(
            "deceiving_name",
            "The name held characters that are invisible or turn the direction of writing; it is shown without them.",
        )
    if "/" in given or "\\" in given:
        yield Note("path_in_name", "The name held folders; only its last part is shown, and no name is used as a path.")
    if len(unicodedata.normalize("NFC", given).encode("utf-8", "replace")) > names.LIMIT_BYTES:
        yield Note("long_name", f"The name was longer than {names.LIMIT_BYTES} bytes and is shown shortened.")
