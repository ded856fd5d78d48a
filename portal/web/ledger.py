"""The history's pages: an organization's events with filters, one event with its proof, one object's own history."""

from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from evidence.counting import Count
from evidence.errors import Invalid, NotFound
from evidence.ledger import erasing, events, keys, queries, rotation, services, timestamps
from evidence.ledger.jobs import VERIFY
from evidence.ledger.models import Alarm
from evidence.organizations.queries import policy
from portal.accounts.models import Membership
from portal.edge.tenancy import inside, needs, outside_transaction
from portal.jobs import queries as jobs
from portal.jobs.models import Job
from portal.jobs.services import enqueue
from portal.web import checkpoint_archive, history, shell
from portal.web.components import Filter, Slice, View

app_name = "ledger"

OBJECTS = {
    "findings.finding": "Findings",
    "tasks.task": "Tasks",
    "artifacts.artifact": "Evidence",
    "controls.control": "Controls",
    "engagements.engagement": "Engagements",
    "packages.package": "Packages",
    "package_links.link": "Links to packages",
    "organizations.organization": "The organization",
}


class ErasingForm(forms.Form):
    """Why the words of an event go."""

    reason = forms.CharField(label="Why they are erased", max_length=400, help_text="Without the words themselves.")


_open_alarms = Count(lambda organization, person, now: Alarm.objects.filter(cleared_at=None), at_most=1)


@shell.alarm
def alarm(request: HttpRequest) -> shell.Alarm | None:
    """While the signer refuses, every page says so."""
    if getattr(request, "organization", None) is None or not shell.can_ask():
        return None
    if not _open_alarms(request.organization.id):
        return None
    message = Alarm.objects.filter(cleared_at=None).values_list("message", flat=True).first()
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
    by = request.GET.get("by", "")
    filters = queries.Filters(
        kind=request.GET.get("kind", ""),
        person_id=_key(request.GET.get("person", "")),
        object_ref=request.GET.get("q", "").strip(),
        object_type=request.GET.get("type", ""),
        since=_day(request, "since"),
        until=_day(request, "until"),
        zone=organization.timezone,
        by=by if by in queries.BY else "",
    )
    page = queries.events(organization.id, filters, after=request.GET.get("after", ""))
    return render(
        request,
        "ledger/list.html",
        {
            "entries": history.entries(page.facts, organization.slug),
            "standing": queries.standing(organization.id),
            "tabs": _tabs(request, by),
            "checked": _last_check(organization.id),
            "filters": [
                Filter("kind", "Event", [(kind, kind) for kind in events.kinds()]),
                Filter("type", "Object", list(OBJECTS.items())),
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
    return render(request, "ledger/event.html", _told(request, fact, ErasingForm()))


def _told(request: HttpRequest, fact: queries.Fact, form: forms.Form) -> dict[str, Any]:
    actor = request.actor  # type: ignore[attr-defined]
    return {
        "fact": fact,
        "sealing": queries.sealing(actor.organization_id, fact.index) if fact.index is not None else None,
        "form": form if fact.texts and actor.may(erasing.RIGHT) and actor.person_id != fact.person_id else None,
        "entries": history.entries([fact], request.organization.slug),  # type: ignore[attr-defined]
        "changes": history.changes(fact),
        "body": fact.body.decode(),
        "proof": services.inclusion_proof(fact.id) if fact.index is not None else "",
    }


@require_POST
@needs(erasing.RIGHT)
def erase(request: HttpRequest, event: UUID) -> HttpResponse:
    """Empty the words of an event; the event and its proof stay."""
    fact = queries.event(event)
    form = ErasingForm(request.POST)
    if not form.is_valid():
        return render(request, "ledger/event.html", _told(request, fact, form), status=422)
    erasing.erase_texts(event, actor=request.actor, reason=form.cleaned_data["reason"])  # type: ignore[attr-defined]
    messages.success(request, "The words are erased. The event and its proof stay.")
    return redirect("ledger:event", organization=request.organization.slug, event=event)  # type: ignore[attr-defined]


@require_GET
@needs("ledger.view")
def checkpoints(request: HttpRequest) -> HttpResponse:
    """What was signed, newest first, with the keys, the time-stamps and where anybody may read it."""
    organization = request.organization  # type: ignore[attr-defined]
    before = request.GET.get("before", "")
    signed, following = queries.checkpoints(organization.id, before=int(before) if before.isdigit() else None)
    is_public = policy(organization.id, "publication").body["checkpoints"]
    return render(
        request,
        "ledger/checkpoints.html",
        {
            "signed": signed,
            "page": Slice(len(signed), next_url=f"?before={following}" if following else "", noun="checkpoints"),
            "epochs": [(epoch, rotation.fingerprint(public)) for epoch, public in keys.epochs()],
            "lines": keys.lines(organization.id),
            "stamps_asked": timestamps.is_configured(),
            "address": settings.CLEARHOLD_BASE_URL + reverse("published:checkpoint", args=[organization.id])
            if is_public
            else "",
        },
    )


@require_GET
@needs("ledger.view")
@outside_transaction
def archive(request: HttpRequest) -> HttpResponse:
    """Every checkpoint, the keys and the time-stamps as one ZIP."""
    organization = request.organization  # type: ignore[attr-defined]
    pieces = checkpoint_archive.pieces(organization.id, lambda: inside(request))
    response = StreamingHttpResponse(pieces, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{organization.slug}-checkpoints.zip"'
    response["Cache-Control"] = "private, no-store"
    return response


@require_GET
@needs("ledger.view")
def time_stamp(request: HttpRequest, stamp: UUID) -> HttpResponse:
    """The token as the authority gave it."""
    found = queries.time_stamp(stamp)
    return _file(bytes(found.token), f"{found.size}.tst", "application/timestamp-token")


@require_POST
@needs("ledger.view")
def verify(request: HttpRequest) -> HttpResponse:
    """Check the whole history now, as a job; one's own that still runs is not started twice."""
    actor = request.actor  # type: ignore[attr-defined]
    running = jobs.visible(actor).filter(kind=VERIFY, ended_at=None, created_by_id=actor.person_id).first()
    job = running or enqueue(VERIFY, actor=actor, args={}, title="Verify the history")
    return redirect("jobs:detail", organization=request.organization.slug, job=job.pk)  # type: ignore[attr-defined]


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


def _tabs(request: HttpRequest, by: str) -> list[View]:
    params = request.GET.copy()
    for name in ("by", "after"):
        params.pop(name, None)

    def address(who: str) -> str:
        return f"?{urlencode([*params.items(), *([('by', who)] if who else [])])}"

    words = {"": "Everything", "people": "People", "decisions": "Decisions", "system": "System"}
    return [View(word, address(who), current=who == by) for who, word in words.items()]


def _last_check(organization_id: UUID) -> Job | None:
    return (
        Job.objects.filter(organization_id=organization_id, kind=VERIFY, state="succeeded")
        .order_by("-ended_at")
        .first()
    )


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
    path("ledger/verify", verify, name="verify"),
    path("ledger/checkpoints", checkpoints, name="checkpoints"),
    path("ledger/checkpoints.zip", archive, name="archive"),
    path("ledger/time-stamps/<uuid:stamp>", time_stamp, name="time_stamp"),
    path("ledger/<int:index>", at_index, name="index"),
    path("ledger/<uuid:event>", event, name="event"),
    path("ledger/<uuid:event>/proof", proof, name="proof"),
    path("ledger/<uuid:event>/body", body, name="body"),
    path("ledger/<uuid:event>/erase", erase, name="erase"),
    path("ledger/object/<str:object_type>/<uuid:object_id>", of_object, name="object"),
]
