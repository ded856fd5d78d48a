"""Giving roles: to a member, to somebody invited, and the decision of a second administrator on the privileged ones."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence import clock
from evidence.actors import Actor
from evidence.errors import NotFound
from evidence.ledger import queries as ledger
from portal.accounts import granting, mail, role_requests, roles, services
from portal.accounts.models import Membership, Person, RoleRequest
from portal.accounts.services import reauthenticate
from portal.edge.tenancy import needs
from portal.notifications import deciding
from portal.web import history, shell
from portal.web.acts import refused_onto

app_name = "grants"
WHY = "Why they need it"
WHY_HELP = "Needed for a privileged role: a second administrator reads it and decides."


def role_choices() -> list[tuple[str, str]]:
    """Every role, none chosen beforehand; a privileged one says that it takes two."""
    named = [
        (role.key, f"{role.word} (takes a second administrator)" if role.is_privileged else role.word)
        for role in roles.ROLES.values()
    ]
    return [("", "Choose"), *named]


class GrantForm(forms.Form):
    """What a member is given; the proof of who gives it stands below."""

    role = forms.ChoiceField(label="Role", choices=role_choices)
    department = forms.CharField(max_length=80, required=False, help_text="Approvals may need two departments.")
    starts_on = forms.DateField(
        required=False, label="From", help_text="Empty: at once, or as soon as it is decided.",
        widget=forms.DateInput({"type": "date"}),
    )  # fmt: skip
    reason = forms.CharField(max_length=300, required=False, label=WHY, help_text=WHY_HELP)


class InviteForm(forms.Form):
    """Who is invited to which role; the proof of who invites stands below."""

    name = forms.CharField(max_length=200, label="Name")
    email = forms.EmailField(label="E-mail address")
    role = forms.ChoiceField(choices=role_choices)
    department = forms.CharField(max_length=80, required=False, help_text="Approvals may need two departments.")
    reason = forms.CharField(max_length=300, required=False, label=WHY, help_text=WHY_HELP)


@shell.count("people")
def waiting(request: HttpRequest) -> int:
    """How many requests the reader may decide on."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return role_requests.waiting_for(actor) if actor.may(granting.RIGHT) else 0


@require_http_methods(["GET", "POST"])
@needs(granting.RIGHT)
def member(request: HttpRequest, person: UUID) -> HttpResponse:
    """Give a member one more role, or ask a second administrator to."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    held = Membership.objects.filter(organization_id=actor.organization_id, person_id=person)
    found = Person.objects.filter(pk=person).first()
    if found is None or not held.exists():
        raise NotFound("There is no such person here.")
    form, status = GrantForm(request.POST or None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            done: list[str] = []
            refusal = refused_onto(form, lambda: done.append(_give(request, person, form.cleaned_data)))
            if refusal is None:
                messages.success(request, done[0])
                return redirect("people:list", organization=_slug(request))
            status = refusal.status
    context = {
        "form": form,
        "person": found,
        "held": [roles.ROLES[key].word for key in held.filter(ended_at=None).values_list("role", flat=True)],
        "is_own": found.pk == actor.person_id,
    }
    return render(request, "people/grant.html", context, status=status)


def _give(request: HttpRequest, person: UUID, given: dict[str, Any]) -> str:
    """Do it, and say in words what was done."""
    actor = reauthenticate(request, request.POST.get("password", ""))
    role, day = roles.ROLES[given["role"]], given["starts_on"]
    starts_at = _morning(day, request) if day else None
    if not role.is_privileged:
        services.grant_role(
            person_id=person, role=role.key, department=given["department"], starts_at=starts_at, actor=actor
        )
        return "The role was granted."
    row = granting.ask_for_member(
        person, role=role.key, department=given["department"], reason=given["reason"], starts_at=starts_at, actor=actor
    )
    deciding.tell_role_request(row, actor=actor)
    return f"{role.word} waits for a second administrator, who was told."


def _morning(day: date, request: HttpRequest) -> datetime:
    """The beginning of a day in the organization's zone; of today, this moment."""
    zone = ZoneInfo(request.organization.timezone)  # type: ignore[attr-defined]
    begin = datetime.combine(day, time.min, zone)
    return clock.now() if day == clock.today(zone.key) else begin


def send_or_ask(request: HttpRequest, given: dict[str, Any]) -> str:
    """Invite somebody, or ask a second administrator to agree first; and say in words what was done."""
    actor = reauthenticate(request, request.POST.get("password", ""))
    reason = given.pop("reason")
    if not roles.ROLES[given["role"]].is_privileged:
        issued = services.invite(**given, actor=actor)
        mail.send_invitation(issued, organization=request.organization)  # type: ignore[attr-defined]
        return f"The invitation is on its way to {given['email']}."
    row = granting.ask_to_invite(**given, reason=reason, actor=actor)
    deciding.tell_role_request(row, actor=actor)
    return "The invitation waits for a second administrator, who was told. It is sent once they agree."


@require_GET
@needs("people.view")
def listing(request: HttpRequest) -> HttpResponse:
    """What waits for a second administrator, and what was decided."""
    rows = [_shown(row) for row in role_requests.requests(request.actor)]  # type: ignore[attr-defined]
    context = {
        "open": [row for row in rows if row.state == RoleRequest.State.OPEN],
        "settled": [row for row in rows if row.state != RoleRequest.State.OPEN],
    }
    return render(request, "people/requests.html", context)


@require_GET
@needs("people.view")
def one(request: HttpRequest, asked: UUID) -> HttpResponse:
    """One request: what was asked, who may decide, and the decision."""
    return _page(request, asked)


@require_POST
@needs(granting.RIGHT)
def decide(request: HttpRequest, asked: UUID) -> HttpResponse:
    """Grant or refuse it, with a fresh proof of identity."""
    form, made = forms.Form(request.POST), []

    def run() -> None:
        actor = reauthenticate(request, request.POST.get("password", ""))
        made.append(
            granting.decide(
                asked, verdict=request.POST.get("verdict", ""), reason=request.POST.get("reason", ""), actor=actor
            )
        )

    form.is_valid()
    refusal = refused_onto(form, run)
    if refusal is not None:
        fields = getattr(refusal, "fields", None) or {}
        words = [text for texts in fields.values() for text in texts] or [refusal.message, refusal.help or ""]
        return _page(request, asked, " ".join(words).strip(), status=refusal.status)
    if made[0].issued is not None:
        mail.send_invitation(made[0].issued, organization=request.organization)  # type: ignore[attr-defined]
    messages.success(request, _said(made[0]))
    return redirect("grants:one", _slug(request), asked)


def _said(decided: granting.Decided) -> str:
    if decided.issued is not None:
        return f"Granted. The invitation is on its way to {decided.request.email}."
    return "Granted. The role holds from now on." if decided.membership else "Refused. Nothing was given."


@require_POST
@needs(granting.RIGHT)
def withdraw(request: HttpRequest, asked: UUID) -> HttpResponse:
    """Take back what is still open."""
    granting.withdraw(asked, actor=request.actor)  # type: ignore[attr-defined]
    messages.success(request, "The request was withdrawn.")
    return redirect("grants:list", _slug(request))


def _page(request: HttpRequest, asked: UUID, error: str = "", *, status: int = 200) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    row = _shown(role_requests.find(asked, actor=actor))
    is_open = row.state == RoleRequest.State.OPEN
    able = role_requests.deciders(row) if is_open else []
    manages = actor.may(granting.RIGHT)
    facts = ledger.history(granting.SUBJECT, row.pk)
    context = {
        "row": row,
        "role": roles.ROLES[row.role],
        "deciders": [one for one in able if one.person_id != actor.person_id],
        "may_decide": is_open and manages and actor.person_id in {one.person_id for one in able},
        "may_withdraw": is_open and manages,
        "why_not": _why_not(row, actor) if is_open and manages else "",
        "timeline": history.entries(facts[::-1], _slug(request)),
        "error": error,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "people/request.html", context, status=status)


def _why_not(row: RoleRequest, actor: Actor) -> str:
    if actor.person_id == row.asked_by_id:
        return "You asked for it, so another administrator decides (rule S-52)."
    if actor.person_id == row.person_id:
        return "The role is for you, so another administrator decides (rule S-53)."
    return ""


def _shown(row: RoleRequest) -> RoleRequest:
    """The row with the words a page shows."""
    row.role_word = roles.ROLES[row.role].word if row.role in roles.ROLES else row.role  # type: ignore[attr-defined]
    row.whom = row.person.name if row.person else row.name  # type: ignore[attr-defined]
    return row


def _slug(request: HttpRequest) -> Any:
    return request.organization.slug  # type: ignore[attr-defined]


urlpatterns = [
    path("settings/people/<uuid:person>/roles", member, name="member"),
    path("settings/people/requests", listing, name="list"),
    path("settings/people/requests/<uuid:asked>", one, name="one"),
    path("settings/people/requests/<uuid:asked>/decide", decide, name="decide"),
    path("settings/people/requests/<uuid:asked>/withdraw", withdraw, name="withdraw"),
]
