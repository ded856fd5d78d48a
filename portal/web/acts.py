"""Forms that call one service each: what is offered to whom, how a refusal comes back onto the form.

A page offers an act only where state and right fit; the service alone decides, on the locked row.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from evidence.actors import Actor
from evidence.errors import (
    DutyConflict,
    Invalid,
    NotAllowed,
    NotFound,
    Refused,
    Stale,
    TooLarge,
    Unavailable,
    WrongState,
)
from remediation.sod import queries as sod

# A refusal of these kinds belongs onto the form, where the person's words still stand.
ON_THE_FORM = (Invalid, Stale, WrongState, DutyConflict, NotAllowed, TooLarge, Unavailable)


class ActForm(forms.Form):
    """A form about one subject. `version` is the version that was shown; the service compares it."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, subject: Any = None, actor: Actor | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subject, self.actor = subject, actor
        if subject is not None and not self.is_bound:
            self.initial.setdefault("version", getattr(subject, "version", None))
        self.prepare()

    def prepare(self) -> None:
        """Choices and initial values that depend on the subject."""

    @property
    def expected_version(self) -> int | None:
        return self.cleaned_data.get("version")


def people_choices(
    actor: Actor, *, roles: Iterable[str] | None = None, none: str | None = None
) -> list[tuple[str, str]]:
    """Colleagues as choices, auditors left out; `none` puts an empty choice first."""
    members = sod.members(actor.organization_id, roles=roles)
    found = [(str(one.person_id), one.name) for one in members if one.roles - {"auditor"}]
    return [("", none), *found] if none is not None else found


def person(value: str | None) -> UUID | None:
    return UUID(value) if value else None


def tokens(text: str) -> list[str]:
    """ "CC6.2, ac-01" as ["CC6.2", "AC-01"]."""
    return [part.upper() for part in text.replace(",", " ").replace(";", " ").split()]


@dataclass(frozen=True)
class Act:
    """One thing that can be done to a subject.

    `fits(subject, actor)` says whether it is offered; `run(subject, form, actor)` calls the service. `done` is the
    message afterwards, with {ref}.
    """

    verb: str
    word: str
    form: type[ActForm]
    fits: Callable[[Any, Actor], bool]
    run: Callable[[Any, Any, Actor], Any]
    done: str
    icon: str = ""
    hint: str = ""
    group: str = "more"
    is_danger: bool = False


def offered(acts: Sequence[Act], subject: Any, actor: Actor) -> list[Act]:
    """The acts that fit now, in their order."""
    return [act for act in acts if act.fits(subject, actor)]


def find(acts: Sequence[Act], verb: str) -> Act:
    """The act of that name. Raises NotFound."""
    for act in acts:
        if act.verb == verb:
            return act
    raise NotFound("There is nothing here, or nothing you may see.")


def carry_out(
    request: HttpRequest, act: Act, subject: Any, *, template: str, context: dict[str, Any], to: str
) -> HttpResponse:
    """Show the act's form, or do it and go to `to`. A refusal comes back on the form with its status."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if request.method != "POST":
        if not act.fits(subject, actor):
            raise NotFound("This step is not offered now.", help="The state may have changed; go back and look again.")
        form = act.form(subject=subject, actor=actor, initial=request.GET.dict())
        return render(request, template, {**context, "act": act, "form": form, "cancel_url": to})
    form = act.form(request.POST, subject=subject, actor=actor)
    status = 422
    if form.is_valid():
        refusal = refused_onto(form, lambda: act.run(subject, form, actor))
        if refusal is None:
            messages.success(request, act.done.format(ref=getattr(subject, "ref", "")))
            return redirect(to)
        status = refusal.status
    return render(request, template, {**context, "act": act, "form": form, "cancel_url": to}, status=status)


def refused_onto(form: forms.Form, run: Callable[[], Any]) -> Refused | None:
    """Run a service; put its refusal onto the form and return it, None when it was done."""
    try:
        with transaction.atomic():
            run()
    except ON_THE_FORM as refusal:
        for name, words in getattr(refusal, "fields", {}).items():
            for text in words:
                form.add_error(name if name in form.fields else None, text)
        if not getattr(refusal, "fields", None):
            form.add_error(None, refusal.message + (f" {refusal.help}" if refusal.help else ""))
        return refusal
    return None
