"""What happens by time: bells for waiting jobs, and the sweeps that each floor declares."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import Error, transaction

from evidence import tenancy
from evidence.organizations.models import Organization
from portal.jobs import services

logger = logging.getLogger(__name__)
ROUND_SECONDS = 5.0

Sweep = Callable[[object], object]
_sweeps: dict[str, tuple[timedelta, Sweep]] = {}
# Since when on the clock that never jumps: on the other one a sweep could be due in ten years.
_last: dict[tuple[str, object], float] = {}


def every(interval: timedelta, name: str, sweep: Sweep) -> None:
    """Declare a sweep: called with an organization's id, in a transaction that has entered it."""
    _sweeps[name] = (interval, sweep)


def round_once() -> None:
    """One round: ring, then each sweep that is due. A failing sweep is logged and does not stop the others."""
    try:
        services.ring_unfinished()
        organizations = list(Organization.objects.values_list("pk", flat=True))
    except Error as fault:
        logger.warning("the database is away, the scheduler waits: %s", fault)
        return
    for organization_id in organizations:
        for name, (interval, sweep) in _sweeps.items():
            _run_when_due(name, interval, sweep, organization_id)


def _run_when_due(name: str, interval: timedelta, sweep: Sweep, organization_id: object) -> None:
    moment = time.monotonic()
    last = _last.get((name, organization_id))
    if last is not None and moment - last < interval.total_seconds():
        return
    _last[(name, organization_id)] = moment
    try:
        with transaction.atomic(), tenancy.entered(organization_id, system=True):  # type: ignore[arg-type]
            sweep(organization_id)
    except Exception:  # a sweep's failure must not keep the others from running
        logger.exception("the sweep %s failed for organization %s", name, organization_id)
