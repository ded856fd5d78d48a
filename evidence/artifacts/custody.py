"""The chain of custody of one artifact: who collected, handled, opened and used it, read from the signed history.

Nothing here is kept beside the history. A kind of event that is not named below still belongs to the chain, as handling.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from evidence.errors import NotFound
from evidence.ledger import queries as ledger

ARTIFACT = "artifacts.artifact"
PAGE_ROWS = 50


@dataclass(frozen=True)
class Group:
    """Kinds of events that answer one of an auditor's questions."""

    word: str
    question: str
    kinds: tuple[str, ...] = ()


GROUPS: Mapping[str, Group] = {
    "collected": Group(
        "Collected", "who brought it, from which system, by which query", ("artifact.received", "artifact.version_added")
    ),
    "scanned": Group(
        "Scanned and checked",
        "what looked at its bytes, and what was found",
        ("artifact.scanned", "artifact.searched", "artifact.verified"),
    ),
    "handled": Group("Handled", "who judged, released, redacted or moved it"),
    "viewed": Group("Viewed", "who looked at a preview", ("artifact.viewed",)),
    "downloaded": Group(
        "Downloaded", "who took a copy or a report", ("artifact.downloaded", "artifact.custody_reported")
    ),
    "used": Group(
        "Used", "which controls, findings, tasks, requests and packages rest on it",
        ("artifact.linked", "artifact.packaged"),
    ),
}  # fmt: skip
_NAMED = tuple(kind for group in GROUPS.values() for kind in group.kinds)


@dataclass(frozen=True)
class Summary:
    """How much happened, by group and in all."""

    by_group: Mapping[str, int]
    total: int


def chain(artifact_id: UUID, *, group: str = "", after: str = "", limit: int = PAGE_ROWS) -> ledger.Page:
    """A part of the chain, newest first. Raises NotFound for a group or a mark that is none."""
    if group and group not in GROUPS:
        raise NotFound("The chain of custody has no such part.")
    kinds = GROUPS[group].kinds if group else ()
    return ledger.history_page(
        ARTIFACT,
        artifact_id,
        kinds=kinds or None,
        without=_NAMED if group and not kinds else (),
        after=after,
        limit=limit,
    )


def summary(artifact_id: UUID) -> Summary:
    counts = ledger.counts(ARTIFACT, artifact_id)
    by_group = {name: sum(counts.get(kind, 0) for kind in group.kinds) for name, group in GROUPS.items()}
    total = sum(counts.values())
    by_group["handled"] = total - sum(by_group.values())
    return Summary(by_group, total)


def packages(artifact_id: UUID, *, limit: int = PAGE_ROWS) -> list[Mapping[str, object]]:
    """The sealed packages in which it is an exhibit, newest first, each once."""
    page = ledger.history_page(ARTIFACT, artifact_id, kinds=["artifact.packaged"], limit=limit)
    found = {str((fact.data or {}).get("package", {}).get("id")): fact for fact in reversed(page.facts)}
    return [(fact.data or {})["package"] for fact in reversed(found.values())]
