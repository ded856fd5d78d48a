"""What the security log says: who signed in, who was let in and who was refused, one structured line each.

A line names accounts and organizations by their ids, addresses by their network and routes by their pattern. It never
holds a name, an e-mail address, what was typed or what was shown.
"""

import hmac
import ipaddress
import logging
import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest, HttpResponse

from evidence.identifiers import uuid7
from portal import logs

logger = logging.getLogger("clearhold.access")
HEADER = "X-Request-ID"
REFUSED = frozenset({401, 403, 404, 429})
# Refusals of a decision that answer with the status of a conflict.
DECISIVE = frozenset({"duty_conflict", "reauthenticate", "csrf"})
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")


class WitnessMiddleware:
    """Gives each request an id, in the answer and in every line about it, and writes the decision about it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.identifier = identifier = _identifier(request)  # type: ignore[attr-defined]
        token = logs.request_id.set(identifier)
        try:
            response = self.get_response(request)
            decided(request, response)
        finally:
            logs.request_id.reset(token)
        response[HEADER] = identifier
        return response


def _identifier(request: HttpRequest) -> str:
    """The one that a proxy of ours gave, so that both logs meet, or a new one."""
    given = request.headers.get(HEADER, "")
    return given if settings.CLEARHOLD_TRUST_REQUEST_ID and _GIVEN.fullmatch(given) else uuid7().hex


def decided(request: HttpRequest, response: HttpResponse) -> None:
    """Write who was let in and who was not (ASVS 16.3.2). Public pages that answer say nothing about anybody."""
    code = getattr(request, "refused_as", "")
    status = response.status_code
    if status in REFUSED or code in DECISIVE:
        logger.warning("access refused", extra={"facts": _facts(request, status, code=code)})
    elif getattr(request, "organization", None) is not None:
        logger.info("access granted", extra={"facts": _facts(request, status)})


def _facts(request: HttpRequest, status: int, **more: str) -> dict[str, Any]:
    actor, organization = getattr(request, "actor", None), getattr(request, "organization", None)
    # Only who was looked up already: a line about a request asks the database nothing.
    known = getattr(request, "_cached_user", None)
    match = request.resolver_match
    found = {
        "method": request.method if (request.method or "").isalpha() else "?",
        "route": f"/{match.route}" if match else "(none)",
        "status": status,
        "account": _id(getattr(actor, "account_id", None) or getattr(known, "pk", None)),
        "organization": _id(getattr(organization, "id", None)),
        "via": getattr(actor, "via", ""),
        "network": network(request),
        **more,
    }
    return {key: value for key, value in found.items() if value}


def _id(value: Any) -> str:
    return str(value) if value else ""


def network(request: HttpRequest | None) -> str:
    """The caller's network (/24, /48): enough to see where an attack comes from, too little to name a person."""
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")) if request is not None else None
    except ValueError:
        return ""
    if address is None:
        return ""
    return str(ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 48}", strict=False))


def pseudonym(address: str) -> str:
    """The same short word for the same e-mail address, so that tries on one account can be counted."""
    key = f"clearhold.witness:{settings.SECRET_KEY}".encode()
    return hmac.new(key, address.strip().lower().encode(), "sha256").hexdigest()[:12]


def _say(words: str, request: HttpRequest | None, level: int = logging.INFO, **facts: str) -> None:
    given = {key: value for key, value in {**facts, "network": network(request)}.items() if value}
    logger.log(level, words, extra={"facts": given})


def _signed_in(sender: object, request: HttpRequest | None = None, user: Any = None, **kwargs: object) -> None:
    _say("signed in", request, account=_id(getattr(user, "pk", None)))


def _signed_out(sender: object, request: HttpRequest | None = None, user: Any = None, **kwargs: object) -> None:
    _say("signed out", request, account=_id(getattr(user, "pk", None)))


def _failed(
    sender: object, credentials: dict[str, Any] | None = None, request: HttpRequest | None = None, **kwargs: object
) -> None:
    given = credentials or {}
    tried = str(given.get("username") or given.get("email") or "")
    _say("sign-in failed", request, logging.WARNING, tried=pseudonym(tried) if tried else "")


user_logged_in.connect(_signed_in, dispatch_uid="clearhold-witness-in")
user_logged_out.connect(_signed_out, dispatch_uid="clearhold-witness-out")
user_login_failed.connect(_failed, dispatch_uid="clearhold-witness-failed")
