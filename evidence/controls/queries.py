"""Reads of controls and criteria. Row-level security narrows every one of them to the organization entered."""

from uuid import UUID

from django.db.models import Count, Prefetch, Q, QuerySet

from evidence.controls.models import Control, ControlCriterion, Criterion, OwedEvidence
from evidence.errors import NotFound


def criteria() -> list[Criterion]:
    """All 61 criteria in their order."""
    return list(Criterion.objects.all())


def controls(*, with_retired: bool = False) -> QuerySet[Control]:
    """Controls by number, each with its owner, criteria and owed evidence in a fixed number of queries."""
    rows = Control.objects.select_related("owner").prefetch_related(
        Prefetch("criterion_links", ControlCriterion.objects.order_by("criterion__position")),
        Prefetch("owed", OwedEvidence.objects.order_by("position")),
    )
    return rows.order_by("number") if with_retired else rows.filter(retired_at=None).order_by("number")


def control(ref_or_id: str | UUID) -> Control:
    """One control by its public id or key. Raises NotFound, also for another organization's."""
    field = "pk" if isinstance(ref_or_id, UUID) else "ref"
    found = controls(with_retired=True).filter(**{field: ref_or_id}).first()
    if found is None:
        raise NotFound("There is no such control here.")
    return found


def criteria_coverage() -> list[Criterion]:
    """Every criterion with `control_count`, the number of controls in use that serve it."""
    return list(
        Criterion.objects.annotate(
            control_count=Count("control_links", filter=_in_use()),
        ).order_by("position")
    )


def _in_use() -> Q:
    return Q(control_links__control__retired_at=None)
