"""Reads of evidence. Row-level security narrows every one of them to the organization entered."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from evidence import clock
from evidence.artifacts.models import Artifact, ArtifactLink, ArtifactReview, ArtifactVersion, PersonalCheck
from evidence.controls.models import Control
from evidence.errors import Invalid, NotFound
from evidence.organizations import queries as policies

PAGE_ROWS = 50


@dataclass(frozen=True)
class Filters:
    """What a reader may narrow the list by. `before` is the number of the last row already shown."""

    state: str = ""
    kind: str = ""
    control: str = ""
    covers_from: date | None = None
    covers_to: date | None = None
    stale: bool = False
    text: str = ""
    before: int | None = None


@dataclass(frozen=True)
class Page:
    rows: list[Artifact]
    next_before: int | None


def evidence(filters: Filters, *, rows: int = PAGE_ROWS) -> Page:
    """One page of evidence, newest first, by keyset: as many queries for ten as for a million."""
    found = list(
        _filtered(filters)
        .select_related("latest", "latest__uploaded_by", "latest__collector")
        .prefetch_related(Prefetch("links", ArtifactLink.objects.order_by("created_at")), *_looks("latest__"))
        .order_by("-number")[: rows + 1]
    )
    return Page(found[:rows], found[rows - 1].number if len(found) > rows else None)


def _looks(prefix: str = "") -> list[Any]:
    """What states and holds are read from, so that no row of a list asks for its own."""
    checks = PersonalCheck.objects.select_related("decision")
    return [f"{prefix}scans", Prefetch(f"{prefix}personal_checks", checks)]


def _filtered(filters: Filters) -> QuerySet[Artifact]:
    found = Artifact.objects.all()
    if filters.state:
        found = found.filter(state=filters.state)
    if filters.kind:
        found = found.filter(kind=filters.kind)
    if filters.control:
        controls = Control.objects.filter(ref=filters.control.upper()).values("pk")
        links = ArtifactLink.objects.filter(
            artifact=OuterRef("pk"), target_type="controls.control", target_id__in=controls
        )
        found = found.filter(Exists(links))
    if filters.covers_from:
        found = found.filter(latest__period_to__gte=filters.covers_from)
    if filters.covers_to:
        found = found.filter(latest__period_from__lte=filters.covers_to)
    if filters.stale:
        found = found.filter(fresh_until__lt=clock.now().date())
    if filters.text:
        found = found.filter(title__icontains=filters.text)
    if filters.before is not None:
        found = found.filter(number__lt=filters.before)
    return found


def artifact(ref_or_id: str | UUID) -> Artifact:
    """One artifact with its versions, links and reviews. Raises NotFound, also for another organization's."""
    field = "pk" if isinstance(ref_or_id, UUID) else "ref"
    found = (
        Artifact.objects.select_related("latest", "latest__blob", "latest__uploaded_by", "latest__collector")
        .prefetch_related(
            Prefetch(
                "versions",
                ArtifactVersion.objects.select_related("uploaded_by").prefetch_related(*_looks()).order_by("-number"),
            ),
            *_looks("latest__"),
            Prefetch("links", ArtifactLink.objects.select_related("linked_by").order_by("created_at")),
            Prefetch("reviews", ArtifactReview.objects.select_related("person").order_by("-at")),
        )
        .filter(**{field: ref_or_id})
        .first()
    )
    if found is None:
        raise NotFound("There is no such evidence here.")
    return found


def version(ref: str, number: int | None = None) -> ArtifactVersion:
    """One version of an artifact, the latest when no number is given. Raises NotFound."""
    rows = (
        ArtifactVersion.objects.select_related("artifact", "blob").prefetch_related(*_looks()).filter(artifact__ref=ref)
    )
    found = rows.filter(number=number).first() if number else rows.order_by("-number").first()
    if found is None:
        raise NotFound("There is no such evidence here.")
    return found


def linked_to(target_type: str, target_id: UUID) -> list[ArtifactLink]:
    """The evidence that something uses, with its artifacts' latest versions."""
    return list(
        ArtifactLink.objects.filter(target_type=target_type, target_id=target_id)
        .select_related("artifact", "artifact__latest", "linked_by")
        .order_by("created_at")
    )


def upload_limit_bytes(organization_id: UUID) -> int:
    """How large one file may be, by the organization's policy."""
    return int(policies.policy(organization_id, "uploads").body["limit_bytes"])


def filters_from(values: dict[str, str]) -> Filters:
    """Filters out of plain text, as URLs carry them. Raises Invalid for what can't be read."""
    fields: dict[str, list[str]] = {}

    def day(name: str) -> date | None:
        try:
            return date.fromisoformat(values[name]) if values.get(name) else None
        except ValueError:
            fields[name] = ["Give a day as 2026-11-24."]
            return None

    covers_from, covers_to, before = day("from"), day("to"), values.get("after", "")
    if before and not (before.isdigit() and len(before) < 10):
        fields["after"] = ["Not a place in the list."]
    if fields:
        raise Invalid("The list could not be narrowed as asked.", fields=fields)
    return Filters(
        state=values.get("state", ""),
        kind=values.get("kind", ""),
        control=values.get("control", "")[:16],
        covers_from=covers_from,
        covers_to=covers_to,
        stale=values.get("stale", "") not in ("", "0", "no"),
        text=values.get("q", "")[:100].replace("\x00", ""),
        before=int(before) if before else None,
    )
