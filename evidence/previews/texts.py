"""The beginning of a text, table, workbook, e-mail or JSON document, read in a limited process for a page to show."""

from dataclasses import dataclass
from typing import Any

from evidence.limited import running
from evidence.previews import Kind
from evidence.vault import services as vault
from evidence.vault.models import Blob

PROGRAM = "evidence.previews.inside.reading"
PROBLEM = "The file can't be shown here: it may be damaged, or too large to be read within the limits."


@dataclass(frozen=True)
class Shown:
    """What a page shows. `is_whole` is false when the file goes on; `problem` says why there is nothing."""

    kind: Kind
    text: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    columns_left_out: int = 0
    is_whole: bool = True
    row_count: int = 0
    sheets: tuple[tuple[str, bool], ...] = ()
    sheet: int = 1
    headers: tuple[tuple[str, str], ...] = ()
    attached: tuple[tuple[str, str, int], ...] = ()
    problem: str = ""


def shown(blob: Blob, kind: Kind, *, sheet: int = 1) -> Shown:
    """The beginning of the file. What can't be read comes back with its problem, never as an error."""
    try:
        with vault.plain(blob) as file:
            facts = running.run(PROGRAM, file, blob.size, {"kind": kind.value, "sheet": sheet}).facts
    except running.Failed:
        return Shown(Kind.TEXT, is_whole=False, problem=PROBLEM)
    if "error" in facts:
        return Shown(Kind.TEXT, is_whole=False, problem=PROBLEM)
    return _read(facts)


def _read(facts: dict[str, Any]) -> Shown:
    return Shown(
        kind=Kind(facts["kind"]),
        text=str(facts.get("text", "")),
        head=tuple(map(str, facts.get("head", ()))),
        rows=tuple(tuple(map(str, row)) for row in facts.get("rows", ())),
        columns_left_out=int(facts.get("columns_left_out", 0)),
        is_whole=bool(facts.get("is_whole", True)),
        row_count=int(facts.get("row_count", 0)),
        sheets=tuple((str(each["name"]), bool(each["is_hidden"])) for each in facts.get("sheets", ())),
        sheet=int(facts.get("sheet", 1)),
        headers=tuple((str(name), str(value)) for name, value in facts.get("headers", ())),
        attached=tuple((str(name), str(mime), int(size)) for name, mime, size in facts.get("attached", ())),
        problem=str(facts.get("problem", "")),
    )
