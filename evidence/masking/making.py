"""Copies that show less, made by a child process that may fail without harm."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from evidence.errors import Invalid, Refused, TooLarge, Unavailable
from evidence.masking import Box, Masked, Recipe, Shape, Way
from evidence.vault import services as vault
from evidence.vault.models import Blob

HERE = Path(__file__).parent
PROGRAMS = {Way.IMAGE: HERE / "pages.py", Way.PDF: HERE / "pages.py"}
MAX_BYTES = 32 * 1000 * 1000
MAX_WORDS = 200
MAX_BOXES = 200
WALL_SECONDS = 60
# One child at a time per process: masking must not take the machine from approvals.
_slots = BoundedSemaphore(1)


class CantMask(Refused):
    """The portal can't make a copy of this file; a person can mask it and upload the copy."""

    code = "cant_mask"
    status = 422


def shape(blob: Blob, way: Way) -> Shape:
    """What the file has to choose from. Raises CantMask when it can't be read safely."""
    facts, _ = _made(blob, {"do": "shape", "way": way})
    columns = tuple((str(key), str(name)) for key, name in facts.get("columns", ()))
    return Shape(columns, int(facts.get("pages", 0)))


def masked(blob: Blob, way: Way, recipe: Recipe) -> Masked:
    """A copy of a text, table or workbook with what the recipe names masked; the same order gives the same bytes."""
    if recipe.is_empty:
        raise Invalid("Nothing was masked.", fields={"patterns": ["Choose what to mask."]})
    if len(recipe.words) > MAX_WORDS:
        raise Invalid("Nothing was masked.", fields={"words": [f"Up to {MAX_WORDS} names or words at once."]})
    order = {
        "do": "mask",
        "way": way,
        "columns": list(recipe.columns),
        "patterns": list(recipe.patterns),
        "words": list(recipe.words),
        "numbered": recipe.numbered,
    }
    return _finished(*_made(blob, order))


def boxed(blob: Blob, way: Way, boxes: Iterable[Box]) -> Masked:
    """A copy whose pages are pictures with these areas black."""
    drawn = list(boxes)
    if not drawn:
        raise Invalid("Nothing was blacked out.", fields={"boxes": ["Name at least one area."]})
    if len(drawn) > MAX_BOXES:
        raise Invalid("Nothing was blacked out.", fields={"boxes": [f"Up to {MAX_BOXES} areas at once."]})
    return _finished(*_made(blob, {"do": "box", "way": way, "boxes": _plain(drawn)}))


def drawn(blob: Blob, way: Way, boxes: Iterable[Box], page: int) -> bytes:
    """One page as PNG with its black areas and lines at every tenth."""
    return _made(blob, {"do": "draw", "way": way, "boxes": _plain(boxes), "page": page})[1]


def _plain(boxes: Iterable[Box]) -> list[list[int]]:
    return [[box.page, box.x, box.y, box.width, box.height] for box in boxes]


def _finished(facts: dict[str, Any], data: bytes) -> Masked:
    return Masked(
        data=data,
        extension=str(facts["extension"]),
        counts={str(name): int(count) for name, count in facts["counts"].items()},
        rows=tuple(tuple(row) for row in facts.get("rows", ())),
        text=str(facts.get("text", "")),
        pages=int(facts.get("pages", 0)),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _made(blob: Blob, order: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    if blob.size > MAX_BYTES:
        raise TooLarge(
            f"The portal masks files up to {vault.readable(MAX_BYTES)}.",
            help="Mask this one with a program of yours, and upload the copy.",
        )
    data = b"".join(vault.open(blob))
    if not _slots.acquire(timeout=WALL_SECONDS):
        raise Unavailable("Another copy is being made. Nothing was changed; try again in a moment.")
    try:
        answer = _run(data, order)
    finally:
        _slots.release()
    head, _, made = answer.partition(b"\n")
    try:
        facts: dict[str, Any] = json.loads(head)
    except ValueError:
        facts = {"error": "more memory or time than it may use"}
    if "error" in facts:
        raise CantMask(
            "The portal can't make a copy of this file: it may be damaged, have a password, or be too large for the "
            f"limits ({facts['error']}). The file is as it was.",
            help="Mask it with a program of yours, and upload the copy.",
        )
    return facts, made


def _run(data: bytes, order: dict[str, Any]) -> bytes:
    program = PROGRAMS.get(order["way"], HERE / "values.py")
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(program)],
            input=json.dumps(order).encode() + b"\n" + data,
            capture_output=True,
            timeout=WALL_SECONDS,
            env={"LC_ALL": "C.UTF-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return b""
    return done.stdout
