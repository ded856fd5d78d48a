"""Whether the process is up, and whether all it needs is: for load balancers and operators."""

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from evidence.ledger import queries as ledger
from evidence.vault import backends
from portal.edge.isolation import open_to_other_sites
from portal.edge.tenancy import outside_transaction


@require_safe
@open_to_other_sites
@outside_transaction
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("up\n", content_type="text/plain")


@require_safe
@open_to_other_sites
@outside_transaction
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when pages can be served, 503 when they can't; each part is named.

    Without the broker jobs wait, and without the sequencer seals do; neither is a reason to send people elsewhere.
    """
    parts = {name: _state(probe) for name, probe in PROBES.items()}
    needed = [state for name, state in parts.items() if name not in CAN_WAIT]
    return JsonResponse(
        {"ready": all(state == "ok" for state in needed), "parts": parts},
        status=200 if all(state == "ok" for state in needed) else 503,
    )


class Behind(Exception):
    """A part works too slowly."""


def _state(probe: Callable[[], None]) -> str:
    try:
        probe()
    except Behind as lag:
        return f"behind: {lag}"
    except Exception as error:  # a probe reports whatever stops it, by the error's kind alone
        return f"away: {type(error).__name__}"
    return "ok"


def _database() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")


def _trigger() -> None:
    # A server upgraded under a running cluster once failed to load plpgsql (SECURITY.md section 1).
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT enter_organization('', NULL)")
        transaction.set_rollback(True)


def _broker() -> None:
    redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1).ping()


def _storage() -> None:
    backends.named(backends.current()).probe()


def _sequencer() -> None:
    lag = ledger.lag().total_seconds()
    if lag > LAG_LIMIT_SECONDS:
        raise Behind(f"the oldest event has waited {lag:.0f} s for its seal")


CAN_WAIT = {"broker", "sequencer"}
LAG_LIMIT_SECONDS = 30
PROBES: dict[str, Callable[[], None]] = {
    "database": _database,
    "trigger": _trigger,
    "broker": _broker,
    "storage": _storage,
    "sequencer": _sequencer,
}
