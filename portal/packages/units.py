"""The stretches that a package is set from, each of which starts a page: how they are named, cut, and lead to each other.

A unit is set alone and from its own text only, so that the same text gives the same pages in every package, and a
package of any size is set in one way. Numbers of pages are not known to a unit; they are filled in when all are bound.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

#: Stands for a place in another unit until all are bound; it is never fetched and never left in the file.
ELSEWHERE = "https://package.invalid/#"
#: Stands where the number of a page is filled in later; as wide as four figures.
NUMBER = "0000"
#: A shard is what one process sets: so many units, or as much text.
SHARD_UNITS = 25
SHARD_CHARACTERS = 400_000
#: How many shards are painted side by side.
AT_ONCE = 2

#: Their list with their keys, and what the document says of itself, in the folder where a package is set.
UNITS, ABOUT = "units.json", "about.json"
#: The organization's picture for the pages that show it; empty when there is none.
LOGO = "logo.png"

LINK = re.compile(r' href="#([^"]+)"')
ANCHOR = re.compile(r' id="([^"]+)"')


@dataclass(frozen=True)
class Unit:
    """`section` and `row` name it to people; `is_sub` hangs it beneath the section before it in the outline."""

    section: str
    row: str
    html: str
    is_sub: bool = False

    @property
    def anchors(self) -> frozenset[str]:
        return frozenset(ANCHOR.findall(self.html))


def point_elsewhere(html: str, known: Collection[str]) -> str:
    """Links that lead to another unit so that they survive being set alone; a link that leads nowhere becomes text."""
    here = set(ANCHOR.findall(html))

    def led(match: re.Match[str]) -> str:
        anchor = match[1]
        if anchor in here:
            return match[0]
        return f' href="{ELSEWHERE}{anchor}"' if anchor in known else ""

    return LINK.sub(led, html)


def shards(sizes: Sequence[int]) -> list[list[int]]:
    """Which units go into one process together, by their place and their size in characters."""
    cut: list[list[int]] = []
    room = 0
    for place, size in enumerate(sizes):
        if not cut or len(cut[-1]) == SHARD_UNITS or size > room:
            cut.append([])
            room = SHARD_CHARACTERS
        cut[-1].append(place)
        room -= size
    return cut
