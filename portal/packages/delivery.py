"""Hands a finished package over: to a folder for the command line, form by form, or all of it as one archive."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

from evidence.artifacts import holding, withholding
from evidence.artifacts.models import Artifact
from evidence.errors import NotFound
from evidence.vault import services as vault
from evidence.vault.models import Blob
from portal.packages import forms, proving, services, verification
from portal.packages.archives import Archive, Entry, streamed
from portal.packages.models import Package, Volume
from portal.packages.snapshot import Exhibit, Snapshot, load

LEFT_OUT = "LEFT-OUT.txt"
DISPOSED = "disposed of"


@dataclass(frozen=True)
class Taken:
    """A form of a package, ready to be handed over. `sha256` is the one that the manifest names."""

    form: forms.Form
    size: int
    sha256: str
    filename: str


def write(package: Package, target: Path) -> None:
    """The PDF under its own name only when whole; beside it its volumes, the originals that are too large for it, and the proof."""
    if beside := _beside(package):
        _write(beside, target.with_name(f"{target.stem}.exhibits.zip"))
    for row in package.volumes.select_related("pdf"):
        _write(vault.open(row.pdf), target.with_name(row.filename))
    _write(services.pdf_bytes(package), target)
    verification.proof_path(target).write_text(proof(package.recorded_by_event))


def _beside(package: Package) -> Iterator[bytes] | None:
    """What the manifest lists and the PDF does not hold for its size, as one archive; None where it holds everything."""
    if package.snapshot is None:
        raise NotFound("This package has not been built yet.")
    snapshot = load(b"".join(vault.open(package.snapshot)))
    if not any(exhibit.is_beside for exhibit in snapshot.exhibits):
        return None
    blobs = _originals(snapshot, package.organization_id)
    entries = [
        _original(exhibit, blobs) for exhibit in snapshot.exhibits if exhibit.is_beside and exhibit.number in blobs
    ]
    return streamed(entries, snapshot.identity.as_of)


def _write(pieces: Iterable[bytes], target: Path) -> None:
    draft = target.with_name(f".{target.name}.part")
    try:
        with draft.open("wb") as file:
            for piece in pieces:
                file.write(piece)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def volume(package: Package, number: int) -> tuple[Volume, Iterator[bytes]]:
    """A volume of the package's exhibits and its bytes, which ask no database. Raises NotFound."""
    row = package.volumes.select_related("pdf").filter(number=number).first()
    if row is None:
        raise NotFound(f"This package has no volume {number} of exhibits.")
    return row, vault.open(row.pdf)


def proof(event_id: UUID | None) -> str:
    """The tlog-proof of the event that recorded the file. Raises NotFound until it is sealed."""
    if event_id is None:
        raise NotFound("This package has not been built yet.")
    return proving.single(event_id)


def forms_of(package: Package) -> list[Taken]:
    """The forms that were kept with a package; none for one that was printed before they were."""
    if package.made is None or package.manifest is None:
        return []
    listed = {item["path"]: item for item in json.loads(b"".join(vault.open(package.manifest)))["files"]}
    return [
        Taken(form, listed[form.path]["size"], listed[form.path]["sha256"], f"{package.stem}-{form.path}")
        for form in forms.FORMS
        if form.path in listed
    ]


def form(package: Package, path: str) -> tuple[Taken, Iterable[bytes]]:
    """One form and its bytes. Raises NotFound."""
    taken = next((one for one in forms_of(package) if one.form.path == path), None)
    if taken is None:
        raise NotFound(f"This package has no {path[:80]}.", help="Build it again, or its next issue.")
    return taken, Archive(package.made).entry(path).pieces()


@dataclass(frozen=True)
class Everything:
    """The whole package as one archive; the pieces ask no database."""

    filename: str
    pieces: Iterator[bytes]


def everything(package: Package) -> Everything:
    """PDF, proof, volumes of exhibits, manifest, every form and every original. What may not go out is named with its reason.

    Raises NotFound before it is built, or while the event of the PDF waits for its place in the history.
    """
    if package.pdf is None or package.snapshot is None:
        raise NotFound("This package has not been built yet.")
    told = proof(package.recorded_by_event).encode()
    kept = Archive(package.made)
    snapshot = load(b"".join(vault.open(package.snapshot)))
    blobs = _originals(snapshot, package.organization_id)
    left_out = "".join(
        f"{exhibit.number}: {exhibit.not_attached or 'not open to you on its own; see the PDF'}\n"
        for exhibit in snapshot.exhibits
        if exhibit.number not in blobs
    ).encode()
    pdf, volumes = package.pdf, list(package.volumes.select_related("pdf"))
    entries = (
        Entry(package.filename, package.size, lambda: vault.open(pdf)),
        Entry(f"{package.filename}.tlog-proof", len(told), lambda: (told,)),
        *(Entry(row.filename, row.size, partial(vault.open, row.pdf)) for row in volumes),
        *kept.entries(),
        *(_original(exhibit, blobs) for exhibit in snapshot.exhibits if exhibit.number in blobs),
        *([Entry(LEFT_OUT, len(left_out), lambda: (left_out,))] if left_out else []),
    )
    return Everything(f"{package.stem}.zip", streamed(entries, snapshot.identity.as_of))


def _original(exhibit: Exhibit, blobs: Mapping[str, Blob]) -> Entry:
    blob = blobs[exhibit.number]
    return Entry(exhibit.path, exhibit.size, lambda: vault.open(blob))


def _originals(snapshot: Snapshot, organization_id: UUID) -> dict[str, Blob]:
    """The originals that may go out now, those too large for the PDF among them."""
    wanted = {exhibit.number: exhibit for exhibit in snapshot.exhibits}
    known = Artifact.objects.filter(organization_id=organization_id, ref__in=list(wanted))
    rows = holding.showable(known).prefetch_related("versions__blob")
    found = {row.ref: v for row in rows for v in row.versions.all() if v.number == wanted[row.ref].version}
    kept_back = withholding.kept_back_among(version.pk for version in found.values())
    return {
        ref: version.blob
        for ref, version in found.items()
        if version.pk not in kept_back
        and version.blob.erased_at is None
        and version.sha256 == wanted[ref].sha256
        and not wanted[ref].not_attached.startswith(DISPOSED)
    }
