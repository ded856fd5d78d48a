"""Every control in scope: owner, criteria, how often it ran, what was found."""

from collections.abc import Iterator
from typing import Any

from portal.packages import wording
from portal.packages.edition import Edition
from portal.packages.sections import Sheet

TITLE = "Control matrix"
NUMBERED = True


def sheets(edition: Edition) -> Iterator[Sheet]:
    controls = edition.snapshot.controls
    results = [control.result for control in controls]
    yield Sheet(
        "control_matrix",
        TITLE,
        {
            "lead": lead(results),
            "groups": list(_groups(edition)),
            "unshown": results.count("not_shown"),
        },
    )


def lead(results: list[str]) -> str:
    if not results:
        return "No control is in scope of this package."
    words = {"operated": "ran as due", "gaps": "with gaps", "finding": "with a finding", "not_shown": "not shown"}
    said = [f"{wording.number(results.count(key))} {text}" for key, text in words.items() if key in results]
    return f"{wording.capital(wording.count(len(results), 'control'))}: {wording.listed(said)}."


def _groups(edition: Edition) -> Iterator[dict[str, Any]]:
    groups: dict[str, list[Any]] = {}
    for control in edition.snapshot.controls:
        first = edition.criteria.get(control.criteria[0]) if control.criteria else None
        words, tone = wording.RESULT[control.result]
        groups.setdefault(first.category if first else "Other controls", []).append(
            {"control": control, "result": words, "tone": tone}
        )
    for name, rows in groups.items():
        yield {"name": name, "rows": rows}
