"""The shapes that pages hand to the larger components of templates/ui. Plain values, no queries, no HTML."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a lifecycle: ``state`` is "done", "now" or "todo"."""

    word: str
    state: str = "todo"
    note: str = ""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event: who did what, when, and where the ledger keeps it."""

    at: datetime
    actor: str
    text: str
    icon: str = "circle-dot"
    tone: str = ""
    index: int | None = None
    hash: str = ""
    url: str = ""
    quote: str = ""
    details: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """A decision made or still missing; ``state`` is "approve", "reject" or "waiting"."""

    who: str
    state: str
    note: str = ""
    at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OwnAct:
    """An act of the reader that blocks the reader, with the event that proves it."""

    text: str
    at: datetime | date | None = None
    index: int | None = None
    url: str = ""
    icon: str = "pencil-line"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may decide ("free", "away") or may not ("ineligible"), and why."""

    id: str
    name: str
    state: str
    note: str = ""
    suggested: bool = False


@dataclass(frozen=True, slots=True)
class ApprovalPanel:
    """All that the approval panel says. ``blocked`` is true when the reader may not decide."""

    title: str
    needed: int
    given: int
    decisions: Sequence[DecisionLine] = ()
    blocked: bool = False
    decided: bool = False
    heading: str = ""
    sentence: str = ""
    rule: str = ""
    rule_note: str = ""
    acts: Sequence[OwnAct] = ()
    candidates: Sequence[Candidate] = ()
    ask_url: str = ""
    decide_url: str = ""
    content_sha256: str = ""
    content_url: str = ""
    changed: str = ""
    exception_note: str = ""
    answer_note: str = ""
    # In whose name the reader may decide, when not only in their own: (delegation or "", words, note).
    voices: Sequence[tuple[str, str, str]] = ()
    expires_at: datetime | None = None
    needs_password: bool = True
    # What a refused form keeps: the words typed, and why it was refused.
    reason: str = ""
    error: str = ""

    @property
    def suggested(self) -> Candidate | None:
        open_ones = [one for one in self.candidates if one.state != "ineligible"]
        return next((one for one in open_ones if one.suggested), open_ones[0] if open_ones else None)


@dataclass(frozen=True, slots=True)
class View:
    """A saved view: a named query string shown as a tab."""

    word: str
    url: str
    count: int | None = None
    current: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of a list: a query parameter with its choices, or an active value that can be taken away."""

    name: str
    word: str
    choices: Sequence[tuple[str, str]] = ()
    value: str = ""

    @property
    def value_word(self) -> str:
        return dict(self.choices).get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class Slice:
    """A page of a list by keyset: how many are shown, how many there are, and where the next ones are."""

    shown: int
    total: int | None = None
    next_url: str = ""
    noun: str = "rows"
    size: int = 50


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file in a queue or list; ``stages`` are (word, state) with state "done", "now", "failed", "warn" or ""."""

    name: str
    size: int | None = None
    state: str = ""
    kind: str = "upload"
    sha256: str = ""
    url: str = ""
    stages: Sequence[tuple[str, str]] = ()
    sent: int | None = None
    message: str = ""
    mime: str = ""
    word: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A week of one control; states as in vocabulary.CELLS. ``note`` is added to the label, e.g. "6 of 7 runs"."""

    state: str
    url: str = ""
    note: str = ""
    current: bool = False


@dataclass(frozen=True, slots=True)
class HeatRow:
    ref: str
    title: str
    cells: Sequence[Cell]
    url: str = ""
    score: str = ""
    poor: bool = False


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Controls by weeks. ``weeks`` are the column words; ``now`` is the index of the current week or None."""

    label: str
    weeks: Sequence[str]
    rows: Sequence[HeatRow]
    now: int | None = None
    groups: Sequence[tuple[str, int]] = ()
    mini: bool = False
    identifier: str = "coverage"
    score_word: str = "So far"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar: what it is, how much, and its tone."""

    word: str
    value: Decimal | float | int
    tone: str = "acc"


@dataclass(frozen=True, slots=True)
class BurnDown:
    """Open findings over time. Points are (date, open); plan and forecast are straight or broken lines of points."""

    label: str
    actual: Sequence[tuple[date, int]]
    plan: Sequence[tuple[date, int]] = ()
    forecast: Sequence[tuple[date, int]] = ()
    today: date | None = None
    noun: str = "open"


@dataclass(frozen=True, slots=True)
class PaletteItem:
    url: str
    word: str
    ref: str = ""
    icon: str = "flag"
    key: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class PaletteGroup:
    word: str
    items: Sequence[PaletteItem] = field(default_factory=tuple)
