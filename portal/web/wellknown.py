"""What an installation says to strangers about its security, and what browsers report of the content policy.

`/.well-known/security.txt` (RFC 9116) names whom to tell. `/policy-reports` takes a browser's word that something was
stopped, keeps which directive and which route, and nothing of what the page held.
"""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.utils import DEFAULT_DIRECTIVES
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, path, resolve, reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from evidence import clock
from evidence.errors import Invalid, NotFound, TooLarge
from portal.edge import rates
from portal.edge.isolation import open_to_other_sites
from portal.edge.tenancy import outside_transaction

app_name = "wellknown"
logger = logging.getLogger("clearhold.policy")
EXPIRES_DAYS = 90
REPORT_MOST_BYTES = 32 * 1024
REPORTS_MOST = 20
KEYWORDS = frozenset({"inline", "eval", "self", "data", "blob", "about", "trusted-types-policy", "trusted-types-sink",
                      "wasm-eval"})  # fmt: skip


@require_safe
@open_to_other_sites
@outside_transaction
def security_txt(request: HttpRequest) -> HttpResponse:
    """Whom to tell of a weakness. A signed file is served as it is while it has not expired."""
    text = signed() or written()
    if not text:
        raise NotFound("Nobody is named here.", help="SECURITY.md of the project says whom to tell.")
    answer = HttpResponse(text, content_type="text/plain; charset=utf-8")
    answer["Cache-Control"] = "public, max-age=3600"
    return answer


def written() -> str:
    """The file made from the settings; the day it expires moves with the calendar."""
    contacts = [contact_address(one) for one in settings.CLEARHOLD_SECURITY_CONTACT.replace(",", " ").split()]
    if not contacts:
        return ""
    expires = (clock.now() + timedelta(days=EXPIRES_DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    lines = [f"Contact: {one}" for one in contacts]
    lines.append(f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}")
    lines.append("Preferred-Languages: en")
    lines.append(f"Canonical: {settings.CLEARHOLD_BASE_URL}{reverse('wellknown:security')}")
    if settings.CLEARHOLD_SECURITY_POLICY:
        lines.append(f"Policy: {settings.CLEARHOLD_SECURITY_POLICY}")
    return "\n".join(lines) + "\n"


def contact_address(given: str) -> str:
    """RFC 9116 wants an address with its scheme."""
    return f"mailto:{given}" if "@" in given and ":" not in given else given


def signed() -> str:
    """The text of CLEARHOLD_SECURITY_TXT, signed by whoever runs this; nothing once it has expired."""
    if not settings.CLEARHOLD_SECURITY_TXT:
        return ""
    try:
        text = Path(settings.CLEARHOLD_SECURITY_TXT).read_text()
    except OSError:
        logger.warning("CLEARHOLD_SECURITY_TXT can't be read; the unsigned text is served")
        return ""
    ends = next(
        (line.partition(":")[2].strip() for line in text.splitlines() if line.lower().startswith("expires:")), ""
    )
    try:
        is_valid = datetime.fromisoformat(ends) > clock.now()
    except (ValueError, TypeError):
        is_valid = False
    if not is_valid:
        logger.warning("CLEARHOLD_SECURITY_TXT has expired or names no day; the unsigned text is served")
    return text if is_valid else ""


@csrf_exempt
@require_POST
@rates.limited
@outside_transaction
def reports(request: HttpRequest) -> HttpResponse:
    """Takes reports of both kinds (report-uri, report-to) and writes a line for each breach of the policy."""
    for one in list(breaches(_read(request)))[:REPORTS_MOST]:
        logger.warning("the content policy stopped something", extra={"facts": one})
    return HttpResponse(status=204)


def _read(request: HttpRequest) -> Any:
    if int(request.headers.get("Content-Length") or 0) > REPORT_MOST_BYTES:
        raise TooLarge("A report has at most 32 KiB.")
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Invalid("The report can't be read.") from error


def breaches(given: Any) -> Iterator[dict[str, str]]:
    """What is kept of a report: directive, where the stopped thing came from, and the route of the page."""
    for one in given if isinstance(given, list) else [given]:
        if not isinstance(one, dict):
            continue
        body = one.get("csp-report") or (one.get("body") if one.get("type") == "csp-violation" else None)
        if not isinstance(body, dict):
            continue
        named = {name.replace("-", "").lower(): value for name, value in body.items() if isinstance(value, str)}
        yield {
            "directive": _directive(named.get("effectivedirective") or named.get("violateddirective", "")),
            "blocked": _origin(named.get("blockeduri") or named.get("blockedurl", "")),
            "route": _route(named.get("documenturi") or named.get("documenturl", "")),
        }


def _directive(text: str) -> str:
    first = text.split()[0] if text.split() else ""
    return first if first in DEFAULT_DIRECTIVES else "?"


def _origin(text: str) -> str:
    if text in KEYWORDS:
        return text
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return "?"
    return f"{parts.scheme}://{host}"[:120] if parts.scheme in ("http", "https", "ws", "wss") else "?"


def _route(text: str) -> str:
    try:
        return f"/{resolve(urlsplit(text).path).route}"
    except (Resolver404, ValueError):
        return "(none)"


urlpatterns = [
    path(".well-known/security.txt", security_txt, name="security"),
    path("policy-reports", reports, name="reports"),
]
