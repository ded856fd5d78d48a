"""What was found in a file, on its page: the scan, the hold for personal data with its decision, another scan."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_POST

from evidence.artifacts import holding, queries, scanning
from evidence.artifacts.models import Artifact, ArtifactVersion, ScanState, State
from evidence.errors import WrongState
from evidence.intake import scanner
from portal.edge.tenancy import needs
from portal.jobs import looks as jobs

CAN_BE_SCANNED = frozenset({ScanState.NOT_SCANNED, ScanState.UNSCANNABLE, ScanState.CLEAN})


def context(request: HttpRequest, artifact: Artifact, version: ArtifactVersion | None) -> dict[str, Any]:
    """What the page of an artifact says about the looks into one version of it."""
    if version is None:
        return {}
    actor = request.actor  # type: ignore[attr-defined]
    may_decide = holding.may_decide(version, actor)
    may_review = actor.may("evidence.review")
    return {
        "scan": version.scan,
        "hold": holding.hold_of(version),
        "kept": getattr(version.personal, "decision", None) if version.personal else None,
        "personal": version.personal,
        "may_decide": may_decide,
        "may_scan": may_review and scanner.configured() and version.scan_state in CAN_BE_SCANNED,
        "redact_url": _redact_url(request, artifact, version) if actor.may("evidence.redact") else "",
        "withheld": _withheld(artifact, version, may_decide=may_decide, may_review=may_review),
        "blocking": [note["sentence"] for note in version.intake_notes if note.get("blocks")],
    }


def _withheld(artifact: Artifact, version: ArtifactVersion, *, may_decide: bool, may_review: bool) -> dict[str, Any]:
    """Why this reader gets no preview or no download, in words; empty when they get it."""
    preview = download = ""
    if version.scan_state == ScanState.INFECTED:
        preview = "Malware was found in this file, so it is never shown."
        download = "" if may_review else preview
    elif version.is_held and not may_decide:
        preview = download = (
            "It may hold personal data, so only its uploader and compliance managers can open it for now."
        )
    elif artifact.state == State.QUARANTINED and not may_review:
        preview = download = "Only a reviewer can open it until it is released or returned."
    return {"preview": preview, "download": download}


def refuse_withheld(request: HttpRequest, version: ArtifactVersion) -> None:
    """Raise WrongState for who gets no preview, before a page with an empty frame is shown."""
    actor = request.actor  # type: ignore[attr-defined]
    may = {"may_decide": holding.may_decide(version, actor), "may_review": actor.may("evidence.review")}
    if words := _withheld(version.artifact, version, **may)["preview"]:
        raise WrongState(words, code="withheld")


def _redact_url(request: HttpRequest, artifact: Artifact, version: ArtifactVersion) -> str:
    slug = request.organization.slug  # type: ignore[attr-defined]
    for names in ([slug, artifact.ref, version.number], [slug, artifact.ref]):
        try:
            return reverse("evidence:redact", args=names)
        except NoReverseMatch:
            continue
    return ""


@require_POST
@needs("evidence.view")
def keep(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    """Not personal data, keep: with a reason, by the uploader or a manager."""
    version = queries.version(ref, number)
    holding.keep(version.pk, actor=request.actor, reason=request.POST.get("reason", "")[:2000])  # type: ignore[attr-defined]
    messages.success(request, f"{ref}, version {number}, is kept as it is. Your reason is in its history.")
    return redirect("evidence:version", organization=request.organization.slug, ref=ref, number=number)  # type: ignore[attr-defined]


@require_POST
@needs("evidence.review")
def scan(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    """Have the scanner look at a version again, or for the first time."""
    version = queries.version(ref, number)
    scanning.ask_again(version.pk, actor=request.actor)  # type: ignore[attr-defined]
    jobs.enqueue_for(queries.version(ref, number), actor=request.actor)  # type: ignore[attr-defined]
    messages.success(
        request, f"{ref}, version {number}, waits for its scan. The page shows the result when it is there."
    )
    return redirect("evidence:version", organization=request.organization.slug, ref=ref, number=number)  # type: ignore[attr-defined]
