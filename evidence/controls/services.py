"""Set up, change and retire controls; each change names the criteria served and the evidence owed afterwards."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from evidence import clock
from evidence.actors import Actor
from evidence.controls.events import CONTROL_CREATED, CONTROL_EDITED, CONTROL_OWNER_SET, CONTROL_RETIRED
from evidence.controls.models import Control, ControlCriterion, Criterion, EvidenceKind, Frequency, OwedEvidence
from evidence.controls.starter import STARTER
from evidence.errors import Invalid, NotFound, Stale, WrongState
from evidence.ledger import services as ledger
from evidence.organizations import services as organizations

PATTERNS = frozenset(f"M{number}" for number in range(1, 21))


@dataclass(frozen=True)
class Owed:
    """A piece of evidence that each run of a control leaves."""

    title: str
    kind: str
    freshness_days: int


@dataclass(frozen=True)
class ControlFacts:
    """Everything of a control that people write."""

    title: str
    frequency: str
    description: str = ""
    owner_role: str = ""
    criteria: tuple[str, ...] = ()
    failure_patterns: tuple[str, ...] = ()
    owed: tuple[Owed, ...] = ()


@transaction.atomic
def create(facts: ControlFacts, *, actor: Actor, owner_id: UUID | None = None) -> Control:
    """Set up a control with its criteria and owed evidence. Raises Invalid naming each field that doesn't fit."""
    actor.require("controls.manage")
    _check(facts)
    ref, number = organizations.take_ref(actor.organization_id, "AC", digits=2)
    control = Control.objects.create(
        organization_id=actor.organization_id, ref=ref, number=number, owner_id=owner_id, **_columns(facts)
    )
    _write_links(control, facts)
    after = {**_snapshot(facts), "owner": _text(owner_id)}
    ledger.record(CONTROL_CREATED, subject=control, actor=actor, after=after, texts=_texts(facts))
    return control


@transaction.atomic
def edit(control_id: UUID, facts: ControlFacts, *, version: int, actor: Actor) -> Control:
    """Replace what a control says. Raises Stale when somebody changed it since `version`."""
    control = _locked(control_id)
    actor.require("controls.manage", control)
    _refuse_retired(control)
    if control.version != version:
        raise Stale(f"{control.ref} was changed meanwhile. Your text was not saved; compare and save again.")
    _check(facts)
    before = _snapshot(facts_of(control))
    for name, value in _columns(facts).items():
        setattr(control, name, value)
    control.version += 1
    control.save()
    control.criterion_links.all().delete()
    control.owed.all().delete()
    _write_links(control, facts)
    ledger.record(
        CONTROL_EDITED, subject=control, actor=actor, before=before, after=_snapshot(facts), texts=_texts(facts)
    )
    return control


@transaction.atomic
def set_owner(control_id: UUID, owner_id: UUID | None, *, actor: Actor) -> Control:
    """Name the person who answers for a control."""
    control = _locked(control_id)
    actor.require("controls.manage", control)
    _refuse_retired(control)
    before = {"owner": _text(control.owner_id)}
    control.owner_id = owner_id
    control.version += 1
    control.save(update_fields=["owner", "version"])
    ledger.record(CONTROL_OWNER_SET, subject=control, actor=actor, before=before, after={"owner": _text(owner_id)})
    return control


@transaction.atomic
def retire(control_id: UUID, *, reason: str, actor: Actor) -> Control:
    """Take a control out of use. It keeps its number, its links and its history."""
    control = _locked(control_id)
    actor.require("controls.manage", control)
    _refuse_retired(control)
    if not reason.strip():
        raise Invalid("Say why the control is retired.", fields={"reason": ["A reason is needed."]})
    control.retired_at = clock.now()
    control.version += 1
    control.save(update_fields=["retired_at", "version"])
    ledger.record(CONTROL_RETIRED, subject=control, actor=actor, reason=reason)
    return control


@transaction.atomic
def adopt_starter_set(*, actor: Actor, owners: dict[str, UUID] | None = None) -> list[Control]:
    """Create the starter controls for an EdTech vendor on Salesforce; `owners` maps an owner role to a person."""
    return [create(facts, actor=actor, owner_id=(owners or {}).get(facts.owner_role)) for facts in starter_facts()]


def starter_facts() -> list[ControlFacts]:
    """The starter set as facts, in the order of its numbers."""
    return [
        ControlFacts(
            title=entry.title,
            description=entry.description,
            frequency=entry.frequency,
            owner_role=entry.owner_role,
            criteria=entry.criteria,
            failure_patterns=entry.failure_patterns,
            owed=tuple(Owed(*owed) for owed in entry.owed),
        )
        for entry in STARTER
    ]


def facts_of(control: Control) -> ControlFacts:
    """What a control says now, as facts."""
    return ControlFacts(
        title=control.title,
        description=control.description,
        frequency=control.frequency,
        owner_role=control.owner_role,
        criteria=tuple(control.criterion_links.order_by("criterion__position").values_list("criterion_id", flat=True)),
        failure_patterns=tuple(control.failure_patterns),
        owed=tuple(Owed(row.title, row.kind, row.freshness_days) for row in control.owed.all()),
    )


def _check(facts: ControlFacts) -> None:
    fields: dict[str, list[str]] = {}
    if not facts.title.strip():
        fields["title"] = ["Give the control a title."]
    if len(facts.title) > 200:
        fields["title"] = ["A title has at most 200 characters."]
    if facts.frequency not in Frequency.values:
        fields["frequency"] = [f"Choose one of: {', '.join(Frequency.values)}."]
    if unknown := _unknown(facts.criteria, Criterion.objects.values_list("identifier", flat=True)):
        fields["criteria"] = [f"No such criterion: {unknown}."]
    if unknown := _unknown(facts.failure_patterns, PATTERNS):
        fields["failure_patterns"] = [f"No such failure pattern: {unknown}."]
    for owed in facts.owed:
        if not owed.title.strip() or owed.kind not in EvidenceKind.values or not 1 <= owed.freshness_days <= 3660:
            fields["owed"] = ["Each piece of evidence needs a title, a kind and a freshness of 1 to 3,660 days."]
    if fields:
        raise Invalid("The control was not saved; some fields don't fit.", fields=fields)


def _unknown(given: Iterable[str], known: Iterable[str]) -> str:
    return ", ".join(sorted(set(given) - set(known)))


def _columns(facts: ControlFacts) -> dict[str, Any]:
    return {
        "title": facts.title,
        "description": facts.description,
        "frequency": facts.frequency,
        "owner_role": facts.owner_role,
        "failure_patterns": list(facts.failure_patterns),
    }


def _write_links(control: Control, facts: ControlFacts) -> None:
    tenant = {"organization_id": control.organization_id, "control": control}
    ControlCriterion.objects.bulk_create(
        ControlCriterion(criterion_id=identifier, **tenant) for identifier in dict.fromkeys(facts.criteria)
    )
    OwedEvidence.objects.bulk_create(
        OwedEvidence(title=owed.title, kind=owed.kind, freshness_days=owed.freshness_days, position=at, **tenant)
        for at, owed in enumerate(facts.owed)
    )


def _snapshot(facts: ControlFacts) -> dict[str, Any]:
    return {
        "frequency": facts.frequency,
        "owner_role": facts.owner_role,
        "criteria": list(facts.criteria),
        "failure_patterns": list(facts.failure_patterns),
        "owed": [{"kind": owed.kind, "freshness_days": owed.freshness_days} for owed in facts.owed],
    }


def _texts(facts: ControlFacts) -> dict[str, str]:
    owed = "\n".join(owed.title for owed in facts.owed)
    texts = {"title": facts.title, "description": facts.description, "owed": owed}
    return {name: text for name, text in texts.items() if text}


def _locked(control_id: UUID) -> Control:
    control = Control.objects.select_for_update().filter(pk=control_id).first()
    if control is None:
        raise NotFound("There is no such control here.")
    return control


def _refuse_retired(control: Control) -> None:
    if control.retired_at:
        raise WrongState(f"{control.ref} was retired on {control.retired_at:%d %b %Y} and stays as it was.")


def _text(person_id: UUID | None) -> str | None:
    return str(person_id) if person_id else None
