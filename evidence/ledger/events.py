"""The facts that can be recorded: each kind once, with the sentence that pages and packages print for it."""

import re
from dataclasses import dataclass

_KIND = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*")
_registry: dict[str, "Event"] = {}


@dataclass(frozen=True)
class Event:
    """A kind of fact, `<noun>.<past tense>`, and its sentence.

    The sentence may name {actor} and {subject}; whoever renders it puts the person's name and the object's public
    id there. Kinds are printed in packages, so they never change. Raises ValueError for a kind that is malformed or
    already taken with another sentence.
    """

    kind: str
    sentence: str

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise ValueError(f"“{self.kind}” is not of the form <noun>.<past tense>")
        if _registry.setdefault(self.kind, self) != self:
            raise ValueError(f"the event kind “{self.kind}” is declared twice")


def sentence(kind: str) -> str:
    """The sentence of a kind; a kind that this version of the product no longer declares reads as itself."""
    known = _registry.get(kind)
    return known.sentence if known else "{actor} recorded " + kind + " on {subject}"


def kinds() -> list[str]:
    """Every declared kind, sorted."""
    return sorted(_registry)


ALARM_CLEARED = Event("ledger.alarm_cleared", "{actor} looked and cleared the alarm over the history of {subject}")
LOSS_DECLARED = Event("ledger.loss_declared", "{actor} declared that sealed events of {subject} are lost")
KEY_ANNOUNCED = Event("ledger.key_announced", "{actor} announced the next key that signs the history of {subject}")
KEY_ROTATED = Event("ledger.key_rotated", "{actor} handed the history of {subject} over to the next signing key")
WORDS_ERASED = Event("event.words_erased", "{actor} erased the words of event {subject}")
