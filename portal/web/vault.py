"""The page Vault: what is stored where, under which keys, when it was last read, what is damaged, and the long work."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from evidence import counting
from evidence.artifacts.models import ArtifactVersion
from evidence.vault import backends, checking, checks, jobs, moving, rotation
from evidence.vault.models import Blob, BlobCheck
from portal.accounts import factors
from portal.edge.tenancy import needs
from portal.jobs import queries
from portal.jobs import services as durable
from portal.jobs.models import Job
from portal.web import shell

app_name = "vault"

DAMAGED_SHOWN = 50
WORDS = {"local": "Folder", "s3": "Bucket"}
# How a check's outcome is shown: a kind of pill that pages have already.
PILLS = {"intact": "intact", "damaged": "altered", "missing": "missing", "unread": "unreadable"}
TITLES = {
    jobs.VERIFY: "Check of all stored files",
    jobs.REWRAP: "New wrapping of all files' keys",
    jobs.MOVE: "Move of stored files",
}


@dataclass(frozen=True)
class Shelf:
    """One store: how much of the organization lies there, and how much would come when all moved there."""

    name: str
    word: str
    files: int
    bytes: int
    waiting: int
    is_current: bool


_damaged_count = counting.Count(lambda organization, person, now: checking.damaged())


@shell.alarm
def alarm(request: HttpRequest) -> shell.Alarm | None:
    """While a stored file is not what was stored, every page says so."""
    if getattr(request, "organization", None) is None or not shell.can_ask():
        return None
    count = _damaged_count(request.organization.id)
    if not count:
        return None
    may = request.actor.may("settings.manage")  # type: ignore[attr-defined]
    return shell.Alarm(
        "Stored evidence is damaged.",
        f"{count} stored {'file is' if count == 1 else 'files are'} not what was stored. Packages refuse what is damaged "
        f"until it is restored from a backup.",
        url=reverse("vault:home", args=[request.organization.slug]) if may else "",  # type: ignore[attr-defined]
        link="See which",
    )


@require_GET
@needs("settings.manage")
def home(request: HttpRequest) -> HttpResponse:
    """Counts, stores, keys, damaged files and the latest long work."""
    organization = request.organization  # type: ignore[attr-defined]
    standing, wrappings = checking.standing(), rotation.wrappings()
    recent = queries.visible(request.actor).filter(kind__startswith="vault.")  # type: ignore[attr-defined]
    return render(
        request,
        "vault/home.html",
        {
            "standing": standing,
            "days": checking.recheck_days(organization.id),
            "damaged": _damaged(),
            "may_open": request.actor.may("evidence.view"),  # type: ignore[attr-defined]
            "more": max(0, standing.damaged - DAMAGED_SHOWN),
            "shelves": shelves(),
            "wrappings": wrappings,
            "waits": sum(one.files for one in wrappings if not one.is_current),
            "jobs": recent.select_related("created_by").order_by("-created_at")[:5],
        },
    )


@require_GET
@needs("settings.manage")
def stores(request: HttpRequest) -> HttpResponse:
    """What the stores themselves say; asked apart, since one of them may be slow to answer."""
    faults = [(WORDS.get(name, name), fault) for name in backends.known() for fault in checks.faults_of(name)]
    fragment = request.headers.get("HX-Request") == "true"
    return render(request, "vault/_faults.html" if fragment else "vault/faults.html", {"faults": faults})


@require_POST
@needs("settings.manage")
def verify(request: HttpRequest) -> HttpResponse:
    """Read every stored file again."""
    return _start(request, jobs.VERIFY, {})


@require_POST
@needs("settings.manage")
def rewrap(request: HttpRequest) -> HttpResponse:
    """Wrap every file's key with the current vault key; the few secrets of sign-in at once."""
    factors.reseal()
    return _start(request, jobs.REWRAP, {})


@require_POST
@needs("settings.manage")
def move(request: HttpRequest) -> HttpResponse:
    """Move every file to one store."""
    to = request.POST.get("to", "")
    moving.target(to)
    return _start(request, jobs.MOVE, {"to": to})


def shelves() -> list[Shelf]:
    """Every store that is set up or that holds files, with what lies there."""
    rows = Blob.objects.filter(erased_at=None).values_list("backend").annotate(files=Count("pk"), bytes=Sum("size"))
    held = {name: (files, size) for name, files, size in rows}
    total = sum(files for files, _ in held.values())
    known = backends.known()
    return [
        Shelf(
            name=name,
            word=WORDS.get(name, name),
            files=held.get(name, (0, 0))[0],
            bytes=held.get(name, (0, 0))[1],
            waiting=total - held.get(name, (0, 0))[0] if name in known else 0,
            is_current=name == backends.current(),
        )
        for name in [*known, *sorted(held.keys() - set(known))]
    ]


def state_of(blob_id: Any) -> dict[str, Any]:
    """The last check of one blob, as a page of evidence shows it."""
    found = BlobCheck.objects.filter(blob_id=blob_id).first()
    if found is None:
        return {"pill": "unverified", "at": None}
    return {"pill": PILLS[found.outcome], "at": found.checked_at}


def _damaged() -> list[dict[str, Any]]:
    rows = list(checking.damaged()[:DAMAGED_SHOWN])
    versions = ArtifactVersion.objects.filter(blob_id__in=[row.blob_id for row in rows]).select_related("artifact")
    named = {version.blob_id: version for version in versions}
    return [{"check": row, "version": named.get(row.blob_id), "pill": PILLS[row.outcome]} for row in rows]


def _start(request: HttpRequest, kind: str, args: dict[str, Any]) -> HttpResponse:
    """Queue a job, unless the same work is under way: then that is shown."""
    open_ = Job.objects.filter(kind=kind, state__in=[Job.State.QUEUED, Job.State.RUNNING])
    job = open_.order_by("created_at").first()
    if job is None:
        job = durable.enqueue(kind, actor=request.actor, args=args, title=TITLES[kind])  # type: ignore[attr-defined]
    else:
        messages.info(request, "This is under way already; here is how far it is.")
    return redirect("jobs:detail", organization=request.organization.slug, job=job.pk)  # type: ignore[attr-defined]


urlpatterns = [
    path("settings/vault", home, name="home"),
    path("settings/vault/stores", stores, name="stores"),
    path("settings/vault/verify", verify, name="verify"),
    path("settings/vault/rewrap", rewrap, name="rewrap"),
    path("settings/vault/move", move, name="move"),
]
