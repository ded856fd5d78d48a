"""A file that isn't what its name or its sender says."""

from collections.abc import Iterator

from evidence.intake.checks import Incoming, Note
from evidence.intake.types import PROMISES, UNKNOWN

VAGUE = frozenset({"", UNKNOWN, "binary/octet-stream", "application/x-www-form-urlencoded"})


def check(incoming: Incoming) -> Iterator[Note]:
    promised = PROMISES.get(incoming.extension)
    if promised is not None and incoming.mime not in promised and incoming.size:
        yield Note(
            "name_contradicts_content",
            f"The name ends in .{incoming.extension}, but the content is {incoming.mime}.",
        )
        return
    claimed = incoming.claimed_mime
    if claimed in VAGUE or claimed == incoming.mime or incoming.mime == UNKNOWN or not incoming.size:
        return
    families = {claimed.split("/")[0], incoming.mime.split("/")[0]}
    if len(families) > 1 and not _both_text(claimed, incoming.mime) and promised is None:
        yield Note("claim_contradicts_content", f"It was sent as {claimed}, but the content is {incoming.mime}.")


def _both_text(*types: str) -> bool:
    return all(kind.startswith("text/") or kind.endswith(("json", "xml", "csv")) for kind in types)
