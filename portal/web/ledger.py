"""The history's pages: an organization's events with filters, one event with its proof, one object's own history."""

from datetime import date
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET

from evidence.errors import Invalid, NotFound
from evidence.ledger import events, queries, services
from evidence.ledger.models import Alarm
from portal.accounts.models import Membership
from portal.edge.tenancy import needs
from portal.web import history, shell
from portal.web.components import Filter, Slice

app_name = "ledger"


@shell.alarm
def alarm(request: HttpRequest) -> shell.Alarm | None:
    """While the signer refuses, every page says so."""
    if getattr(request, "organization", None) is None or not shell.can_ask():
        return None
    message = Alarm.objects.filter(cleared_at=None).values_list("message", flat=True).first()
    if message is None:
        return None
    return shell.Alarm(
        "The history does not match what was signed.",
        f"{message} Nothing can be approved or packaged until an operator has looked.",
        url=reverse("ledger:list", args=[request.organization.slug]) if request.actor.may("ledger.view") else "",  # type: ignore[attr-defined]
        link="Event history",
    )


@require_GET
@needs("ledger.view")
def events_list(request: HttpRequest) -> HttpResponse:
    """Newest first, fifty at a time."""
    organization = request.organization  # type: ignore[attr-defined]
    filters = queries.Filters(
        kind=request.GET.get("kind", ""),
        person_id=_key(request.GET.get("person", "")),
        object_ref=request.GET.get("q", "").strip(),
        object_type=request.GET.get("type", ""),
        since=_day(request, "since"),
        until=_day(request, "until"),
        zone=organization.timezone,
    )
    page = queries.events(organization.id, filters, after=request.GET.get("after", ""))
    return render(
        request,
        "ledger/list.html",
        {
            "entries": history.entries(page.facts, organization.slug),
            "standing": queries.standing(organization.id),
            "filters": [
                Filter("kind", "Event", [(kind, kind) for kind in events.kinds()]),
                Filter("person", "Person", _people(organization.id)),
            ],
            "page": Slice(len(page.facts), next_url=_next(request, page.next), noun="events", size=queries.PAGE),
            "since": request.GET.get("since", ""),
            "until": request.GET.get("until", ""),
            "kept": [(name, value) for name, value in request.GET.items() if name not in ("since", "until", "after")],
        },
    )


@require_GET
@needs("ledger.view")
def event(request: HttpRequest, event: UUID) -> HttpResponse:
    """One event as it was hashed, its place and its proof."""
    fact = queries.event(event)
    return render(
        request,
        "ledger/event.html",
        {
            "fact": fact,
            "entries": history.entries([fact], request.organization.slug),  # type: ignore[attr-defined]
            "changes": history.changes(fact),
            "body": fact.body.decode(),
            "proof": services.inclusion_proof(fact.id) if fact.index is not None else "",
        },
    )


@require_GET
@needs("ledger.view")
def at_index(request: HttpRequest, index: int) -> HttpResponse:
    """The address that people quote: /ledger/4471."""
    slug = request.organization.slug  # type: ignore[attr-defined]
    return redirect("ledger:event", organization=slug, event=queries.at_index(request.organization.id, index))  # type: ignore[attr-defined]


@require_GET
@needs("ledger.view")
def proof(request: HttpRequest, event: UUID) -> HttpResponse:
    """The tlog-proof as a file."""
    return _file(services.inclusion_proof(event), f"{event}.tlog-proof", "text/plain; charset=utf-8")


@require_GET
@needs("ledger.view")
def body(request: HttpRequest, event: UUID) -> HttpResponse:
    """The very bytes that were hashed."""
    return _file(queries.event(event).body, f"{event}.json", "application/json")


@require_GET
@needs("ledger.view")
def of_object(request: HttpRequest, object_type: str, object_id: UUID) -> HttpResponse:
    """Everything that happened to one object."""
    facts = queries.history(object_type, object_id)
    if not facts:
        raise NotFound("There is no such object, or nothing has happened to it.")
    slug = request.organization.slug  # type: ignore[attr-defined]
    title = next((fact.object_ref for fact in reversed(facts) if fact.object_ref), object_type.rpartition(".")[2])
    return render(request, "ledger/object.html", {"entries": history.entries(facts, slug), "subject": title})


def _people(organization_id: UUID) -> list[tuple[str, str]]:
    found = Membership.objects.filter(organization_id=organization_id).order_by("person__name")
    return [(str(key), name) for key, name in found.values_list("person_id", "person__name").distinct()]


def _key(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as fault:
        raise NotFound("There is no such person here.") from fault


def _day(request: HttpRequest, name: str) -> date | None:
    text = request.GET.get(name, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as fault:
        raise Invalid(f"“{text}” is not a date.", fields={name: ["Write it as 2026-11-24."]}) from fault


def _next(request: HttpRequest, mark: str) -> str:
    if not mark:
        return ""
    params = request.GET.copy()
    params["after"] = mark
    return f"?{params.urlencode()}"


def _file(content: str | bytes, name: str, kind: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


urlpatterns = [
    path("ledger/", events_list, name="list"),
    path("ledger/<int:index>", at_index, name="index"),
    path("ledger/<uuid:event>", event, name="event"),
    path("ledger/<uuid:event>/proof", proof, name="proof"),
    path("ledger/<uuid:event>/body", body, name="body"),
    path("ledger/object/<str:object_type>/<uuid:object_id>", of_object, name="object"),
]
