"""Turns facts of the history into lines of a timeline: names for persons, words for changes, links to the proof."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse

from evidence.ledger.queries import Fact
from portal.accounts.models import Person
from portal.web.components import TimelineEntry


@dataclass(frozen=True)
class Sign:
    """How a kind of fact looks in a timeline."""

    icon: str
    tone: str


PRODUCT = "Clearhold"
# The last word of a kind's verb decides the sign; what is not listed is an ordinary fact.
SIGNS: Mapping[str, Sign] = {
    "approved": Sign(icon="circle-check", tone="ok"),
    "granted": Sign(icon="circle-check", tone="ok"),
    "verified": Sign(icon="badge-check", tone="ok"),
    "closed": Sign(icon="circle-check", tone="ok"),
    "accepted": Sign(icon="check", tone="ok"),
    "rejected": Sign(icon="circle-x", tone="crit"),
    "refused": Sign(icon="circle-x", tone="crit"),
    "returned": Sign(icon="undo-2", tone="warn"),
    "reopened": Sign(icon="rotate-ccw", tone="warn"),
    "expired": Sign(icon="clock-alert", tone="warn"),
    "created": Sign(icon="plus", tone="info"),
    "imported": Sign(icon="import", tone="info"),
    "uploaded": Sign(icon="file-up", tone="info"),
    "submitted": Sign(icon="send", tone="review"),
    "requested": Sign(icon="stamp", tone="review"),
    "downloaded": Sign(icon="download", tone=""),
    "damaged": Sign(icon="octagon-alert", tone="crit"),
    "mended": Sign(icon="shield-check", tone="ok"),
}


# Fields of an event that hold a person's id; a reader sees the name.
PERSONS = frozenset(
    {
        "owner_id",
        "assignee_id",
        "assignee",
        "owner",
        "asked",
        "collector",
        "submitted_by_id",
        "for_person",
        "giver",
        "deputy",
    }
)


def names(facts: Iterable[Fact]) -> dict[UUID, str]:
    """The names of everybody who acted or is spoken of, in one statement."""
    facts = list(facts)
    ids = {fact.person_id for fact in facts if fact.person_id}
    for fact in facts:
        for part in (fact.before, fact.after, fact.data):
            ids |= {UUID(value) for name, value in (part or {}).items() if name in PERSONS and _is_id(value)}
    return {person.pk: person.name for person in Person.objects.filter(pk__in=ids)}


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 36 and value.count("-") == 4


def entries(facts: Sequence[Fact], slug: str) -> list[TimelineEntry]:
    """Lines for `{% timeline %}`, in the order of the facts."""
    known = names(facts)
    return [_entry(fact, actor_of(fact, known), slug, known) for fact in facts]


def actor_of(fact: Fact, known: Mapping[UUID, str]) -> str:
    """Who acted, in words."""
    if fact.person_id:
        name = known.get(fact.person_id, "Somebody")
        giver = (fact.data or {}).get("for_person")
        return f"{name} for {known.get(UUID(giver), 'somebody')}" if _is_id(giver) else name
    return f"{PRODUCT} ({fact.system})" if fact.system else PRODUCT


def told(fact: Fact) -> str:
    """The sentence without its actor, who stands before it in bold."""
    text = fact.sentence.removeprefix("{actor} ").replace("{actor}", "somebody")
    return text.replace("{subject}", fact.object_ref or fact.object_type.rpartition(".")[2])


def changes(fact: Fact, known: Mapping[UUID, str] | None = None) -> list[tuple[str, str]]:
    """What changed, field by field, and what else the event says; persons in `known` by their names."""
    before, after, data = (_named(part or {}, known or {}) for part in (fact.before, fact.after, fact.data))
    told_of = [*after, *(name for name in before if name not in after)]
    lines = [(name, _change(name, before, after)) for name in told_of]
    lines += [(name, plain(value)) for name, value in data.items()]
    lines += [(name, text) for name, text in fact.texts.items() if name != "reason"]
    return lines + [(name, "erased") for name in fact.erased]


def _named(part: Mapping[str, Any], known: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        name: known.get(UUID(value), value) if name in PERSONS and _is_id(value) else value
        for name, value in part.items()
    }


def plain(value: Any) -> str:
    """A JSON value as a person reads it."""
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(plain(each) for each in value) or "—"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {plain(each)}" for name, each in value.items()) or "—"
    return str(value)


def _change(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if name not in before:
        return plain(after[name])
    return f"{plain(before[name])} → {plain(after.get(name))}"


def _label(name: str) -> str:
    words = name.removesuffix("_id").replace("_", " ")
    return words[:1].upper() + words[1:]


def _entry(fact: Fact, actor: str, slug: str, known: Mapping[UUID, str]) -> TimelineEntry:
    sign = SIGNS.get(fact.kind.rpartition(".")[2].rpartition("_")[2], Sign(icon="circle-dot", tone=""))
    return TimelineEntry(
        at=fact.at,
        actor=actor if fact.sentence.startswith("{actor}") else "",
        text=told(fact),
        icon=sign.icon,
        tone=sign.tone,
        index=fact.index,
        hash=fact.leaf,
        url=reverse("ledger:event", args=[slug, fact.id]),
        quote=fact.reason,
        details=tuple((_label(name), value) for name, value in changes(fact, known)),
    )
