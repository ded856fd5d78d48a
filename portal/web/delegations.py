"""Delegation: whom a duty is lent to, what waits for an answer, and the page of one with all that was decided under it."""

from datetime import date, datetime, time, timedelta
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
from evidence.errors import Invalid, Refused
from evidence.ledger import queries as ledger
from portal.edge.tenancy import needs
from portal.engagements.models import Engagement
from portal.notifications import deciding
from portal.packages.models import Package
from portal.web import history, shell
from remediation.approvals.absences import queries as absence_queries
from remediation.approvals.absences import services as absence_services
from remediation.approvals.actions import ACTIONS
from remediation.approvals.delegations import queries, services
from remediation.approvals.models import Delegation
from remediation.findings.models import Finding
from remediation.sod import queries as sod
from remediation.sod.duties import Duty

app_name = "delegations"

SEVERITY_WORDS = [("critical", "Critical"), ("high", "High"), ("medium", "Medium"), ("low", "Low")]
_DATE = {"type": "date"}


class OfferForm(forms.Form):
    """What is lent, to whom and for how long. Days are inclusive, in the organization's zone."""

    deputy = forms.ChoiceField(label="Who decides in your place")
    duty = forms.ChoiceField(label="Duty")
    actions = forms.MultipleChoiceField(
        label="Only for",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Tick nothing to lend the whole duty.",
    )
    scope = forms.ChoiceField(label="Reaches", choices=Delegation.Scope.choices)
    ceiling = forms.ChoiceField(
        label="Highest severity",
        required=False,
        choices=[("", "—"), *SEVERITY_WORDS],
        help_text="For “Up to a severity”.",
    )
    engagement = forms.ChoiceField(label="Engagement", required=False, help_text="For “One engagement”.")
    items = forms.CharField(
        label="Items",
        required=False,
        max_length=200,
        help_text="For “Named items”: their ids, for instance F-017 F-021.",
    )
    starts_on = forms.DateField(label="First day", widget=forms.DateInput(_DATE))
    ends_on = forms.DateField(label="Last day", widget=forms.DateInput(_DATE), help_text="At most 30 days.")
    reason = forms.CharField(label="Why", max_length=2000, widget=forms.Textarea({"rows": 3}))

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        duties = queries.duties_of(sod.roles_of(actor.person_id, actor.organization_id)) if actor.person_id else []
        people: dict[UUID, str] = {}
        for duty in duties:
            for member in queries.possible_deputies(actor.organization_id, duty, without=actor.person_id):
                people[member.person_id] = member.name
        choices: dict[str, list[tuple[str, str]]] = {
            "deputy": [("", "—"), *((str(key), name) for key, name in sorted(people.items(), key=lambda one: one[1]))],
            "duty": [(duty, Duty(duty).label) for duty in duties],
            "actions": [(one.key, one.word) for one in ACTIONS.values() if one.duty in duties],
            "engagement": [
                ("", "—"),
                *(
                    (str(one.pk), f"{one.ref} {one.title}")
                    for one in Engagement.objects.filter(organization_id=actor.organization_id).order_by("ref")
                ),
            ],
        }
        for name, options in choices.items():
            self.fields[name].choices = options  # type: ignore[attr-defined]


@shell.count("delegations")
def waiting(request: HttpRequest) -> int:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    return queries.offered_to(actor.organization_id, actor.person_id)


@require_GET
@needs("delegations.view")
def listing(request: HttpRequest) -> HttpResponse:
    """What the reader lent and carries; for those who look after people, everybody's."""
    return render(request, "approvals/delegations.html", _context(request))


@require_http_methods(["GET", "POST"])
@needs("delegations.view")
def new(request: HttpRequest) -> HttpResponse:
    """Ask a colleague to decide in the reader's place."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    today = _today(request)
    form = OfferForm(
        request.POST or None, actor=actor, initial={"starts_on": today, "ends_on": today + timedelta(days=13)}
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = services.offer(
                deputy_id=UUID(form.cleaned_data["deputy"]),
                terms=_terms(form.cleaned_data, _zone(request)),
                reason=form.cleaned_data["reason"],
                actor=actor,
            )
            deciding.tell_about_delegation(made, actor=actor)
        except Refused as refused:
            _say(form, refused)
        else:
            messages.success(request, "They were asked. It holds once they accept.")
            return redirect("delegations:one", _slug(request), made.pk)
    status = 422 if form.is_bound else 200
    return render(request, "approvals/delegation_new.html", {"form": form}, status=status)


@require_GET
@needs("delegations.view")
def one(request: HttpRequest, item: UUID) -> HttpResponse:
    """One delegation: its terms, the decisions made under it, its history."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    row = queries.get(item, actor=actor)
    facts = ledger.history("approvals.delegation", row.pk)
    context = {
        "row": row,
        "duty": Duty(row.duty).label,
        "actions": [ACTIONS[key].word for key in row.actions if key in ACTIONS],
        "reach": reach(row),
        "decisions": row.decisions.select_related("request", "person", "for_person").order_by("at"),
        "timeline": history.entries(facts[::-1], _slug(request)),
        "may_accept": row.state == Delegation.State.OFFERED and row.deputy_id == actor.person_id,
        "may_end": row.is_live and (actor.person_id in (row.giver_id, row.deputy_id) or actor.may("people.manage")),
        "is_mine": row.giver_id == actor.person_id,
    }
    return render(request, "approvals/delegation.html", context)


@require_POST
@needs("delegations.view")
def accept(request: HttpRequest, item: UUID) -> HttpResponse:
    """Take it on."""
    services.accept(item, actor=request.actor)  # type: ignore[attr-defined]
    messages.success(request, "You decide in their place now, or from its first day.")
    return redirect("delegations:one", _slug(request), item)


@require_POST
@needs("delegations.view")
def end(request: HttpRequest, item: UUID) -> HttpResponse:
    """Decline it, or end it now."""
    services.end(item, actor=request.actor, reason=request.POST.get("reason", "")[:2000])  # type: ignore[attr-defined]
    messages.success(request, "The delegation is over.")
    return redirect("delegations:one", _slug(request), item)


@require_POST
@needs("delegations.view")
def away(request: HttpRequest) -> HttpResponse:
    """Note that one is away, from a first to a last day."""
    zone = _zone(request)
    first, last = _day(request.POST.get("starts_on", "")), _day(request.POST.get("ends_on", ""))
    if first is None or last is None:
        raise Invalid("Give the first and the last day.", fields={"ends_on": ["Choose both days."]})
    absence_services.note(
        starts_at=datetime.combine(first, time.min, zone),
        ends_at=datetime.combine(last + timedelta(days=1), time.min, zone),
        note=request.POST.get("note", ""),
        actor=request.actor,  # type: ignore[attr-defined]
    )
    messages.success(request, "Your absence is noted. It moves no duty; a delegation does.")
    return redirect("delegations:list", _slug(request))


@require_POST
@needs("delegations.view")
def back(request: HttpRequest, absence: UUID) -> HttpResponse:
    """Take an absence back."""
    absence_services.cancel(absence, actor=request.actor)  # type: ignore[attr-defined]
    messages.success(request, "The absence was taken back.")
    return redirect("delegations:list", _slug(request))


def reach(row: Delegation) -> str:
    """What it covers, in words."""
    if row.scope == Delegation.Scope.SEVERITY:
        return f"Up to {row.ceiling} severity"
    if row.scope == Delegation.Scope.ENGAGEMENT:
        return f"Engagement {row.names}" if row.names else "One engagement"
    if row.scope == Delegation.Scope.ITEMS:
        return row.names or "Named items"
    return "Everything"


def _context(request: HttpRequest) -> dict[str, Any]:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    found = queries.listed(actor)
    for row in (*found.given, *found.received, *found.others):
        row.reach, row.duty_word = reach(row), Duty(row.duty).label  # type: ignore[attr-defined]
    groups = [
        ("Lent to you", found.received, "Nobody has asked you to decide in their place."),
        ("Lent by you", found.given, "You have lent no duty."),
    ]
    if actor.may("people.view"):
        groups.append(("Everybody else's", found.others, "Nobody else has lent a duty."))
    duties = queries.duties_of(sod.roles_of(actor.person_id, actor.organization_id)) if actor.person_id else []
    looks_after = actor.may("people.view")
    return {
        "groups": groups,
        "may_delegate": bool(duties),
        "absences": absence_queries.ahead(actor, everybody=looks_after),
        "looks_after": looks_after,
        "manages": actor.may("people.manage"),
        "today": _today(request),
        "actor_id": actor.person_id,
    }


def terms_of(
    *,
    duty: str,
    starts_on: date,
    ends_on: date,
    zone: ZoneInfo,
    actions: Any = (),
    scope: str = Delegation.Scope.ALL,
    ceiling: str = "",
    engagement: UUID | None = None,
    refs: str = "",
) -> services.Terms:
    """Terms from days and public ids. Raises Invalid for an id that nothing has."""
    items: list[UUID] = []
    names = ""
    if scope == Delegation.Scope.ITEMS:
        items, names = _items(refs)
    elif scope == Delegation.Scope.ENGAGEMENT and engagement is not None:
        names = Engagement.objects.filter(pk=engagement).values_list("ref", flat=True).first() or ""
        if not names:
            raise Invalid("There is no such engagement.", fields={"engagement": ["Choose one of the listed ones."]})
    first = datetime.combine(starts_on, time.min, zone)
    now = clock.now()
    return services.Terms(
        duty=duty,
        # A delegation of today begins now: nothing that was decided this morning is covered.
        starts_at=now if first <= now and starts_on == now.astimezone(zone).date() else first,
        ends_at=datetime.combine(ends_on + timedelta(days=1), time.min, zone) - timedelta(seconds=1),
        actions=tuple(actions),
        scope=scope,
        ceiling=ceiling if scope == Delegation.Scope.SEVERITY else "",
        engagement=engagement if scope == Delegation.Scope.ENGAGEMENT else None,
        items=tuple(items),
        names=names,
    )


def _terms(data: dict[str, Any], zone: ZoneInfo) -> services.Terms:
    return terms_of(
        duty=data["duty"],
        starts_on=data["starts_on"],
        ends_on=data["ends_on"],
        zone=zone,
        actions=data["actions"],
        scope=data["scope"],
        ceiling=data["ceiling"],
        engagement=UUID(data["engagement"]) if data["engagement"] else None,
        refs=data["items"],
    )


def _items(text: str) -> tuple[list[UUID], str]:
    refs = list(dict.fromkeys(text.replace(",", " ").upper().split()))[:50]
    found: dict[str, UUID] = dict(Finding.objects.filter(ref__in=refs).values_list("ref", "pk"))
    found |= dict(Package.objects.filter(ref__in=refs).values_list("ref", "pk"))
    missing = [ref for ref in refs if ref not in found]
    if missing:
        raise Invalid("Some items are not here.", fields={"items": [f"There is no {', '.join(missing)}."]})
    return [found[ref] for ref in refs], " ".join(refs)


def _say(form: forms.Form, refused: Refused) -> None:
    fields = getattr(refused, "fields", {})
    for name, words in fields.items():
        form.add_error(name if name in form.fields else None, list(words))
    if not fields or refused.rule:
        form.add_error(None, f"{refused.message} {refused.help or ''}".strip())


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _zone(request: HttpRequest) -> ZoneInfo:
    return ZoneInfo(request.organization.timezone)  # type: ignore[attr-defined]


def _today(request: HttpRequest) -> date:
    return clock.today(request.organization.timezone)  # type: ignore[attr-defined]


def _slug(request: HttpRequest) -> Any:
    return request.organization.slug  # type: ignore[attr-defined]


urlpatterns = [
    path("approvals/delegations", listing, name="list"),
    path("approvals/delegations/new", new, name="new"),
    path("approvals/delegations/away", away, name="away"),
    path("approvals/delegations/away/<uuid:absence>/back", back, name="back"),
    path("approvals/delegations/<uuid:item>", one, name="one"),
    path("approvals/delegations/<uuid:item>/accept", accept, name="accept"),
    path("approvals/delegations/<uuid:item>/end", end, name="end"),
]
