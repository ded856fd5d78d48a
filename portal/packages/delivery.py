"""Writes a finished package and its proof to a folder, for the command line."""

from pathlib import Path
from uuid import UUID

from evidence.errors import NotFound
from portal.packages import proving, services, verification
from portal.packages.models import Package


def write(package: Package, target: Path) -> None:
    """The PDF under its own name only when whole; the proof beside it when its event is sealed."""
    draft = target.with_name(f".{target.name}.part")
    try:
        with draft.open("wb") as file:
            for piece in services.pdf_bytes(package):
                file.write(piece)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    verification.proof_path(target).write_text(proof(package.recorded_by_event))


def proof(event_id: UUID | None) -> str:
    """The tlog-proof of the event that recorded the file. Raises NotFound until it is sealed."""
    if event_id is None:
        raise NotFound("This package has not been built yet.")
    return proving.single(event_id)
