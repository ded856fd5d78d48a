"""Reads of the check on duties: its rounds, the conflicts it found, and those that nobody has settled."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from portal.jobs.models import Job
from portal.watch.jobs import CHECK
from portal.watch.models import Conflict, Round

PAGE = 50
_SETTLED = Q(case__finding__state__in=("closed", "rejected"))


def standing() -> QuerySet[Conflict]:
    """Proven conflicts whose finding is not settled."""
    return Conflict.objects.filter(is_proven=True).exclude(_SETTLED)


def conflicts(*, before: str = "", only_standing: bool = False, limit: int = PAGE) -> tuple[list[Conflict], str]:
    """A page of conflicts, newest first, and the mark to ask for the next with. Raises ValueError for no mark."""
    rows = standing() if only_standing else Conflict.objects.all()
    rows = rows.select_related("person", "other", "case__finding").order_by("-found_at", "-id")
    if before:
        at, _, key = before.partition("~")
        moment, last = datetime.fromisoformat(at), UUID(key)
        if moment.tzinfo is None:
            raise ValueError("a mark names its zone")
        rows = rows.filter(Q(found_at__lt=moment) | Q(found_at=moment, pk__lt=last))
    found = list(rows[: limit + 1])
    page = found[:limit]
    return page, f"{page[-1].found_at.isoformat()}~{page[-1].pk}" if len(found) > limit else ""


def rounds() -> QuerySet[Round]:
    """Whole checks, newest first."""
    return Round.objects.select_related("started_by").order_by("-ended_at", "-id")


def under_way() -> Job | None:
    """The check that waits or runs, if there is one."""
    return Job.objects.filter(kind=CHECK, state__in=("queued", "running")).order_by("created_at").first()
