"""What a search for personal data found: kinds, places and counts. The values themselves are never kept."""

from dataclasses import asdict, dataclass
from typing import Any, Self

WORDS = {
    "ssn": ("number like a social security number", "numbers like social security numbers"),
    "student_id": ("student id", "student ids"),
    "birth": ("date of birth", "dates of birth"),
    "name": ("name of a person", "names of persons"),
    "email": ("e-mail address", "e-mail addresses"),
}


@dataclass(frozen=True)
class Place:
    """One column, key, page or text that holds such data."""

    kind: str
    where: tuple[str, ...] = ()
    column: str = ""
    unit: str = "line"
    count: int = 0
    lines: tuple[int, ...] = ()

    @property
    def what(self) -> str:
        one, many = WORDS.get(self.kind, (self.kind, self.kind))
        return f"{self.count:,} possible {one if self.count == 1 else many}"

    @property
    def place(self) -> str:
        """Where, in words: “in students.csv, column “Name”, lines 2, 3, 4 and more”."""
        parts = [" → ".join(self.where)] if self.where else []
        if self.column:
            parts.append(self.column if self.column == "a field" else f"column “{self.column}”")
        numbers = ", ".join(str(number) for number in self.lines)
        if numbers:
            unit = self.unit if len(self.lines) == 1 else f"{self.unit}s"
            parts.append(f"{unit} {numbers}" + (" and more" if self.count > len(self.lines) else ""))
        return ", ".join(parts)

    @property
    def sentence(self) -> str:
        return f"{self.what}: {self.place}" if self.place else self.what


@dataclass(frozen=True)
class Found:
    """The outcome of one search. Unread is neither found nor clear: the file has no text that can be read here."""

    places: tuple[Place, ...] = ()
    was_read: bool = False
    is_whole: bool = True
    failed: bool = False

    @classmethod
    def read(cls, told: dict[str, Any]) -> Self:
        places = tuple(place_from(row) for row in told["places"])
        return cls(places, bool(told["was_read"]), bool(told["is_whole"]))

    @property
    def total(self) -> int:
        return sum(place.count for place in self.places)

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(place) for place in self.places]


def place_from(row: dict[str, Any]) -> Place:
    """A place out of JSON. Raises KeyError and ValueError when it is none."""
    return Place(
        kind=str(row["kind"])[:20],
        where=tuple(str(name)[:200] for name in row["where"]),
        column=str(row["column"])[:60],
        unit=str(row["unit"])[:12],
        count=int(row["count"]),
        lines=tuple(int(line) for line in row["lines"][:12]),
    )
