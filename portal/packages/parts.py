"""How a large package is cut: front, findings in parts, back; and how the parts find each other's pages.

A small package is set whole, so that its tags come from one layout (PDF/A-3a). A large one is set in parts by children
with a small limit each, then merged; merged tags are not offered yet, so it is PDF/A-3u.
"""

import re
from dataclasses import dataclass

from portal.packages.snapshot import Snapshot

#: Up to here a package is set whole.
WHOLE = 60
FINDINGS_A_PART = 20
#: Stands for a page of another part until the parts are merged; it is never fetched and never left in the file.
ELSEWHERE = "https://package.invalid/#"
BEFORE = ("cover", "contents", "summary", "scope", "method", "control_matrix", "findings_register")

LINK = re.compile(r'href="#([^"]+)"')
ANCHOR = re.compile(r' id="([^"]+)"')


@dataclass(frozen=True)
class Part:
    """`findings` is a slice of the findings, None for the sections before or after them."""

    name: str
    is_front: bool = False
    findings: tuple[int, int] | None = None

    def holds(self, subject: str) -> bool:
        if self.findings is not None:
            return subject == "findings"
        return subject != "findings" and (subject in BEFORE) == self.is_front


def cut(snapshot: Snapshot) -> tuple[Part, ...]:
    """The parts in their order; none for a package that is set whole."""
    many = len(snapshot.findings)
    if many <= WHOLE:
        return ()
    slices = [(start, min(start + FINDINGS_A_PART, many)) for start in range(0, many, FINDINGS_A_PART)]
    return (
        Part("front", is_front=True),
        *(Part(f"findings-{start + 1:05d}", findings=(start, end)) for start, end in slices),
        Part("back"),
    )


def point_elsewhere(html: str, numbers: dict[str, int]) -> str:
    """Links that lead to another part, with the page number they should show when it is known."""
    here = set(ANCHOR.findall(html))

    def led(match: re.Match[str]) -> str:
        anchor = match[1]
        if anchor in here:
            return match[0]
        number = f' data-p="{numbers[anchor]}"' if anchor in numbers else ' data-p="0"'
        return f'href="{ELSEWHERE}{anchor}"{number}'

    return LINK.sub(led, html)
