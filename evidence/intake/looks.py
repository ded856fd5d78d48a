"""Look into a stored file through a limited process: what its structure is, and where it holds data about persons."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evidence.intake import names
from evidence.intake.privacy import Found
from evidence.limited import running
from evidence.vault import services as vault
from evidence.vault.models import Blob

PROGRAM = "evidence.intake.inside.looking"
EXTRACTOR = "evidence.intake.inside.extracting"
# Up to this size personal data is searched at once, so that the page can say it; larger files wait for a job.
AT_ONCE_BYTES = 5 * 1000 * 1000
AT_ONCE = running.Limits(cpu_seconds=15, wall_seconds=30)
IN_A_JOB = running.Limits(cpu_seconds=1200, wall_seconds=3600)


@dataclass(frozen=True)
class Fact:
    """One thing that a reader saw, in the file or in one inside it."""

    code: str
    where: tuple[str, ...]
    detail: str
    count: int

    @property
    def place(self) -> str:
        """The path of names to a file inside, fit to be shown; nothing for the file itself."""
        return " → ".join(names.cleaned(name) for name in self.where)


@dataclass(frozen=True)
class Look:
    """What a look found out. `failed` says that it ran into its limits, so nothing is known."""

    facts: tuple[Fact, ...] = ()
    failed: bool = False

    def all(self, *codes: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.code in codes]

    def first(self, *codes: str) -> Fact | None:
        return next(iter(self.all(*codes)), None)


def into(sealed: vault.Sealed, *, name: str, own_domains: frozenset[str]) -> tuple[Look, Found | None]:
    """Structure at once; personal data too unless the file is large, which is None and a job's work."""
    if sealed.size == 0:
        return Look(), Found()
    is_small = sealed.size <= AT_ONCE_BYTES
    try:
        facts = _run(sealed, name, own_domains, AT_ONCE, look=True, search=is_small)
    except running.Failed:
        return Look(failed=True), Found(failed=True)
    look = Look(tuple(Fact(row["code"], tuple(row["where"]), row["detail"], row["count"]) for row in facts["facts"]))
    return look, Found.read(facts["personal"]) if is_small else None


def search(
    blob: Blob,
    *,
    name: str,
    own_domains: frozenset[str],
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Personal data in a file of any size, for a job."""
    try:
        told = _run(blob, name, own_domains, IN_A_JOB, progress, look=False, search=True)
        return Found.read(told["personal"])
    except running.Failed:
        return Found(failed=True)


def attachments(blob: Blob, *, most_bytes: int) -> list[bytes]:
    """The files inside a PDF. Raises Failed when they can't be taken out, or are more than that."""
    with vault.plain(blob) as file:
        answer = running.run(EXTRACTOR, file, blob.size, {"most_bytes": most_bytes}, limits=AT_ONCE)
    if "error" in answer.facts or answer.facts["left_out"]:
        raise running.Failed(answer.facts.get("error", "the attachments are too large"))
    found, at = [], 0
    for length in answer.facts["lengths"]:
        found.append(answer.data[at : at + length])
        at += length
    return found


def _run(
    stored: vault.Sealed | Blob,
    name: str,
    own_domains: frozenset[str],
    limits: running.Limits,
    progress: Callable[[int, int], None] | None = None,
    **asked: bool,
) -> dict[str, Any]:
    request = {"name": name, "own_domains": sorted(own_domains), **asked}
    with vault.plain(stored) as file:
        answer = running.run(PROGRAM, file, stored.size, request, limits=limits, progress=progress)
    if "error" in answer.facts:
        raise running.Failed(answer.facts["error"])
    return answer.facts
