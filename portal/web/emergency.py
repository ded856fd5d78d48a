"""Emergency access: asking, activating, ending, reviewing, and the banner on every page while it runs."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence import clock
from evidence.actors import Actor
from evidence.errors import NotFound, Refused
from evidence.ledger import queries as ledger
from portal.accounts import roles
from portal.accounts.models import Person
from portal.accounts.services import reauthenticate
from portal.edge.tenancy import inside, needs, outside_transaction
from portal.jobs import queries as jobs_queries
from portal.notifications import deciding
from portal.web import history, shell
from remediation.approvals.emergencies import bars, queries, services
from remediation.approvals.models import Emergency

app_name = "emergency"


class AskForm(forms.Form):
    """What is asked for; the proof of who asks stands below it."""

    role = forms.ChoiceField(label="Role wanted")
    hours = forms.TypedChoiceField(
        label="For", choices=[(1, "1 hour"), (2, "2 hours"), (3, "3 hours"), (4, "4 hours")], coerce=int, initial=1
    )
    ticket = forms.CharField(label="Ticket or incident", max_length=80)
    reason = forms.CharField(label="Why", max_length=2000, widget=forms.Textarea({"rows": 3}))

    def __init__(self, *args: Any, held: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [  # type: ignore[attr-defined]
            (key, roles.ROLES[key].word) for key in bars.WANTED if key not in held
        ]


@shell.alarm
def running(request: HttpRequest) -> shell.Alarm | None:
    """The banner while the reader's own emergency access runs; it asks the database nothing."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if actor is None or actor.emergency is None:
        return None
    account: Any = request.user
    left = max(0, int((account.emergency_ends_at - clock.now()).total_seconds() // 60))
    role = roles.ROLES[account.emergency_role].word
    return shell.Alarm(
        f"Emergency access runs: {role}, {left // 60} h {left % 60} min left",
        f"Until {account.emergency_ends_at:%d %b %Y, %H:%M} UTC. All you do is tagged and reviewed; you decide nothing.",
        reverse("emergency:one", args=[_slug(request), actor.emergency]),
        "End it",
    )


@shell.count("emergency")
def waiting(request: HttpRequest) -> int:
    return queries.waiting_for(request.actor)  # type: ignore[attr-defined]


@require_GET
@needs("emergency.use")
def listing(request: HttpRequest) -> HttpResponse:
    """What the reader may see, newest first."""
    rows = queries.listed(request.actor)  # type: ignore[attr-defined]
    for row in rows:
        row.role_word = roles.ROLES[row.role].word  # type: ignore[attr-defined]
    return render(request, "emergency/list.html", {"rows": rows})


@outside_transaction
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Ask for a role for some hours."""
    if not request.actor.may("emergency.use"):  # type: ignore[attr-defined]
        raise NotFound("There is nothing here, or nothing you may see.")
    form = AskForm(request.POST or None, held=request.organization.roles)  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            actor = reauthenticate(request, request.POST.get("password", ""))
            with inside(request):
                row = services.ask(**given, actor=actor)
                deciding.tell_emergency(row, actor=actor)
        except Refused as refused:
            _say(form, refused)
        else:
            messages.success(request, "Those who may activate it were told.")
            return redirect("emergency:one", _slug(request), row.pk)
    with inside(request):
        return render(request, "emergency/new.html", {"form": form}, status=422 if form.is_bound else 200)


@require_GET
@needs("emergency.use")
def one(request: HttpRequest, item: UUID) -> HttpResponse:
    """One emergency access, all that was done while it ran, and what the reader may do with it."""
    return _page(request, item)


@outside_transaction
@require_POST
def activate(request: HttpRequest, item: UUID) -> HttpResponse:
    """Switch it on with a fresh proof of identity."""
    return _proved(request, item, "It runs from now on.", lambda actor: services.activate(item, actor=actor))


@require_POST
@needs("emergency.use")
def end(request: HttpRequest, item: UUID) -> HttpResponse:
    """End it early, or withdraw the asking."""
    services.end(item, actor=request.actor)  # type: ignore[attr-defined]
    messages.success(request, "It is over.")
    return redirect("emergency:one", _slug(request), item)


@require_POST
@needs("emergency.review")
def review(request: HttpRequest, item: UUID) -> HttpResponse:
    """Say whether what was done fitted the need."""
    services.review(
        item,
        verdict=request.POST.get("verdict", ""),
        words=request.POST.get("review", "")[:5000],
        actor=request.actor,  # type: ignore[attr-defined]
    )
    messages.success(request, "The review is recorded.")
    return redirect("emergency:one", _slug(request), item)


def _proved(request: HttpRequest, item: UUID, done: str, act: Callable[[Actor], Emergency]) -> HttpResponse:
    if not request.actor.may("emergency.use"):  # type: ignore[attr-defined]
        raise NotFound("There is nothing here, or nothing you may see.")
    try:
        with inside(request):
            queries.get(item, actor=request.actor)  # type: ignore[attr-defined]
        actor = reauthenticate(request, request.POST.get("password", ""))
        with inside(request):
            row = act(actor)
            deciding.tell_emergency(row, actor=actor)
    except NotFound:
        raise
    except Refused as refused:
        with inside(request):
            return _page(request, item, f"{refused.message} {refused.help or ''}".strip(), status=refused.status)
    messages.success(request, done)
    return redirect("emergency:one", _slug(request), item)


def _page(request: HttpRequest, item: UUID, error: str = "", *, status: int = 200) -> HttpResponse:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    row = queries.get(item, actor=actor)
    own = actor.person_id == row.person_id
    state = Emergency.State(row.state)
    here = queries.activators(row.organization_id, without=row.person_id) if state == Emergency.State.ASKED else []
    acts = queries.acts(row)
    jobs = list(jobs_queries.in_emergency(row.pk))
    facts = ledger.history("approvals.emergency", row.pk)
    uninvolved = not own and actor.person_id != row.activated_by_id
    context = {
        "row": row,
        "role": roles.ROLES[row.role].word,
        "ticket": next((fact.texts["ticket"] for fact in facts if "ticket" in fact.texts), row.ticket),
        "alarmed": list(Person.objects.filter(pk__in=row.alarmed).values_list("name", flat=True)),
        "here": here,
        "may_activate": state == Emergency.State.ASKED
        and ((actor.may("emergency.activate") and not own) or (own and not here)),
        "is_alone": own and not here,
        "may_end": state in (Emergency.State.ASKED, Emergency.State.RUNNING)
        and (own or actor.may("emergency.activate")),
        "may_review": state == Emergency.State.REVIEWING and uninvolved and actor.may("emergency.review"),
        "is_involved": state == Emergency.State.REVIEWING and not uninvolved,
        "acts": history.entries(acts, _slug(request)),
        "jobs": jobs,
        "seen_jobs": set(jobs_queries.visible(actor).filter(emergency_id=row.pk).values_list("pk", flat=True)),
        "timeline": history.entries(facts[::-1], _slug(request)),
        "bars": bars.BARS,
        "error": error,
    }
    return render(request, "emergency/one.html", context, status=status)


def _say(form: forms.Form, refused: Refused) -> None:
    for name, words in getattr(refused, "fields", {}).items():
        form.add_error(name if name in form.fields else None, list(words))
    form.add_error(None, f"{refused.message} {refused.help or ''}".strip())


def _slug(request: HttpRequest) -> Any:
    return request.organization.slug  # type: ignore[attr-defined]


urlpatterns = [
    path("emergency", listing, name="list"),
    path("emergency/new", new, name="new"),
    path("emergency/<uuid:item>", one, name="one"),
    path("emergency/<uuid:item>/activate", activate, name="activate"),
    path("emergency/<uuid:item>/end", end, name="end"),
    path("emergency/<uuid:item>/review", review, name="review"),
]
