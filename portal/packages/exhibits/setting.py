"""The work of the process that makes the volumes: every exhibit is read, then all are bound, volume by volume."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from portal.packages.book import SectionFailed
from portal.packages.exhibits import reading, volumes
from portal.packages.exhibits.laying import LAID, PIECES
from portal.packages.exhibits.pieces import Desk, piece_from
from portal.packages.exhibits.volumes import About, Placed, Volume


def set_volumes(folder: Path, order: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    """Writes the volumes, and beside them where in which of them every exhibit stands. Raises SectionFailed."""
    told = json.loads((folder / PIECES).read_text())
    desk, about = Desk(folder, order["paper"]), About(**order["about"])
    limits = reading.Limits(order["copy_memory_bytes"], order["copy_cpu_seconds"])
    found, used = reading.read(list(map(piece_from, told["pieces"])), desk, limits, set(told["known"]), say)
    planned = volumes.planned(found, desk, order["limit_bytes"])
    made = []
    for volume in planned:
        say(section=reading.SECTION, row=f"binding volume {volume.number}", done=volume.number - 1, total=len(planned))
        try:
            volumes.set_front(volume, len(planned), desk, about)
            facts = volumes.made_apart(
                volume, len(planned), desk, about, order["bind_memory_bytes"], order["bind_cpu_seconds"]
            )
        except Exception as error:  # the edge: the volume is named
            raise SectionFailed(
                reading.SECTION, f"volume {volume.number}", f"{type(error).__name__}: {error}"
            ) from error
        used.peak_bytes = max(used.peak_bytes, facts["peak_bytes"])
        used.cpu_seconds += facts["cpu_seconds"]
        name = f"{order['stem']}-exhibits{f'-{volume.number}' if len(planned) > 1 else ''}.pdf"
        source = volumes.path(desk, volume).name
        made.append(
            {"path": name, "source": source, "sha256": facts["sha256"], "size": facts["size"], "pages": volume.pages}
        )
    places = [_place(volume, each) for volume in planned for each in volume.placed]
    (folder / LAID).write_text(json.dumps({"volumes": made, "places": places}))
    return {"volumes": len(made), "peak_bytes": used.peak_bytes, "cpu_seconds": used.cpu_seconds}


def _place(volume: Volume, each: Placed) -> dict[str, Any]:
    piece = each.read.piece
    return {
        "number": piece.number,
        "filename": piece.filename,
        "sha256": piece.sha256,
        "depth": piece.depth,
        "volume": volume.number,
        "page": each.page,
        "pages": each.pages,
        "note": volumes.note(each.read),
        "reason": each.read.reason,
        "notes": each.read.notes,
    }
