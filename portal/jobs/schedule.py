"""What happens by time: bells for waiting jobs, and the sweeps that each floor declares."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction

from evidence import clock, tenancy
from evidence.organizations.models import Organization
from portal.jobs import services

logger = logging.getLogger(__name__)
ROUND_SECONDS = 5.0

Sweep = Callable[[object], object]
_sweeps: dict[str, tuple[timedelta, Sweep]] = {}
_last: dict[tuple[str, object], datetime] = {}


def every(interval: timedelta, name: str, sweep: Sweep) -> None:
    """Declare a sweep: called with an organization's id, in a transaction that has entered it."""
    _sweeps[name] = (interval, sweep)


def round_once() -> None:
    """One round: ring, then each sweep that is due. A failing sweep is logged and does not stop the others."""
    try:
        services.ring_unfinished()
    except DatabaseError:
        logger.exception("could not look for waiting jobs")
        return
    for organization_id in list(Organization.objects.values_list("pk", flat=True)):
        for name, (interval, sweep) in _sweeps.items():
            _run_when_due(name, interval, sweep, organization_id)


def _run_when_due(name: str, interval: timedelta, sweep: Sweep, organization_id: object) -> None:
    moment = clock.now()
    last = _last.get((name, organization_id))
    if last is not None and moment - last < interval:
        return
    _last[(name, organization_id)] = moment
    try:
        with transaction.atomic(), tenancy.entered(organization_id):  # type: ignore[arg-type]
            sweep(organization_id)
    except Exception:  # a sweep's failure must not keep the others from running
        logger.exception("the sweep %s failed for organization %s", name, organization_id)
